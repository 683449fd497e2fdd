import { spawnSync } from "node:child_process";

/** What a process did to files, and what it said. Paths are absolute. */
export type Call =
  | { readonly kind: "write"; readonly path: string /** null: at the end */; readonly offset: number | null; readonly bytes: Buffer }
  | { readonly kind: "truncate"; readonly path: string; readonly size: number }
  | { readonly kind: "open"; readonly path: string; readonly creates: boolean; readonly empties: boolean }
  | { readonly kind: "mkdir" | "remove" | "sync"; readonly path: string }
  | { readonly kind: "rename"; readonly path: string; readonly to: string };

/** Why nothing can be traced here; null: it can. */
export function straceMissing(): string | null {
  const { status, error, stderr } = spawnSync("strace", ["-f", "-o", "/dev/null", "true"], { encoding: "utf8" });
  return status === 0 ? null : `strace does not work here: ${error?.message ?? stderr}`;
}

const NAMES =
  "open,openat,creat,mkdir,mkdirat,unlink,unlinkat,rmdir,rename,renameat,renameat2,write,pwrite64,ftruncate,truncate,fsync,fdatasync";
/** Other ways to change a file, which nobody uses so far: a trace with one of them is none. */
const NOT_READ = "writev,pwritev,pwritev2,fallocate,copy_file_range,sendfile,link,linkat,symlink,io_uring_enter";

/** The command that writes a trace of what comes after it. */
export function tracing(file: string): string[] {
  return [
    "strace",
    "-f",
    "--seccomp-bpf",
    "-xx",
    "-y",
    "-s",
    "10000000",
    "-o",
    file,
    "-e",
    `trace=${NAMES},${NOT_READ}`,
    "-e",
    "signal=none",
  ];
}

/** The calls of a trace that succeeded, in the order in which they ended. @throws where it holds something that cannot be read */
export function parseTrace(text: string): Call[] {
  const unfinished = new Map<string, string>();
  return text.split("\n").flatMap((line) => {
    const [, pid = "", rest = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const cut = / <unfinished \.\.\.>$/.exec(rest);
    if (cut !== null) {
      unfinished.set(pid, rest.slice(0, cut.index));
      return [];
    }
    const resumed = /^<\.\.\. \w+ resumed>/.exec(rest);
    const whole = resumed === null ? rest : `${unfinished.get(pid)}${rest.slice(resumed[0].length)}`;
    return parseCall(whole);
  });
}

function parseCall(line: string): Call[] {
  const [, name, list = "", result = ""] = /^(\w+)\((.*)\) += (.*)$/.exec(line) ?? [];
  if (name === undefined || result.startsWith("-1 ") || result.startsWith("?")) return [];
  const args = list.split(", ");
  // Of `*at` calls the first argument is the directory that a relative path would begin in.
  const at = name.endsWith("at") || name.endsWith("at2") ? 1 : 0;
  const path = (index: number): string => textOf(args[index] ?? "").toString();
  switch (name) {
    case "open":
    case "openat": {
      const flags = args[at + 1] ?? "";
      return [{ kind: "open", path: path(at), creates: flags.includes("O_CREAT"), empties: flags.includes("O_TRUNC") }];
    }
    case "mkdir":
    case "mkdirat":
      return [{ kind: "mkdir", path: path(at) }];
    case "unlink":
    case "unlinkat":
    case "rmdir":
      return [{ kind: "remove", path: path(at) }];
    case "rename":
      return [{ kind: "rename", path: path(0), to: path(1) }];
    case "write":
    case "pwrite64": {
      const bytes = textOf(args[1] ?? "").subarray(0, Number(result));
      return [{ kind: "write", path: descriptorOf(args[0] ?? ""), offset: name === "write" ? null : Number(args[3]), bytes }];
    }
    case "ftruncate":
      return [{ kind: "truncate", path: descriptorOf(args[0] ?? ""), size: Number(args[1]) }];
    case "fsync":
    case "fdatasync":
      return [{ kind: "sync", path: descriptorOf(args[0] ?? "") }];
    default:
      if (Buffer.from(line).includes("agentflow.db")) throw new Error(`a call that is not understood: ${line.slice(0, 200)}`);
      return [];
  }
}

/** `"\x2f\x74"` */
function textOf(argument: string): Buffer {
  return Buffer.from(argument.slice(1, -1).replaceAll("\\x", ""), "hex");
}

/** `22<\x2f\x74>` */
function descriptorOf(argument: string): string {
  return Buffer.from((/<([^>]*)>/.exec(argument)?.[1] ?? "").replaceAll("\\x", ""), "hex").toString();
}
