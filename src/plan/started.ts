import { basename } from "node:path";

/** What a shell or an interpreter is to run: a text of code, or a script file, which is the argument with this index. */
export interface Started {
  readonly kind: "code" | "script";
  readonly index: number;
  /** How code finds what is passed to it as `passed`, the arguments after it. */
  readonly argument: string;
  readonly passed: readonly string[];
}

/**
 * Finds what a command has a shell or another interpreter run.
 *
 * Contract: null where the command is another program, or where a flag leaves it open which argument is the script.
 *
 * @param command the program and its arguments; null for one that is not known before the run
 */
export function startedBy(command: readonly (string | null)[]): Started | null {
  const start = startOf(command);
  const name = basename(command[start] ?? "");
  const interpreter = INTERPRETERS.find(({ names }) => names.test(name));
  const found = interpreter === undefined ? null : readArguments(command, start + 1, interpreter);
  if (interpreter === undefined || found === null) return null;
  // What follows the code of a shell is first its own name.
  return { ...found, argument: interpreter.argument, passed: interpreter.isShell === true ? [name, VALUE] : [VALUE] };
}

const VALUE = "${{ … }}";

/** The flags of an interpreter; each is the whole argument. */
interface Interpreter {
  readonly names: RegExp;
  /** Code follows; of a shell, behind all other flags. */
  readonly code: RegExp;
  /** Its code stands in the argument itself. */
  readonly inline?: RegExp;
  /** A value follows. */
  readonly valued: RegExp;
  /** Nothing follows. */
  readonly plain: RegExp;
  /** A word before the script. */
  readonly command?: RegExp;
  readonly isShell?: boolean;
  readonly argument: string;
}

const NEVER = /(?!)/;

const INTERPRETERS: readonly Interpreter[] = [
  {
    names: /^(?:ba|da|z|k|a)?sh$/,
    code: /^-[a-zA-Z]*c[a-zA-Z]*$/,
    valued: /^(?:[-+][a-zA-Z]*[oO]|--rcfile|--init-file)$/,
    plain: /^(?:[-+][a-bd-np-rt-zA-NP-RT-Z]+|--(?:login|norc|noprofile|posix))$/,
    isShell: true,
    argument: '"$1"',
  },
  {
    names: /^fish$/,
    code: /^(?:-[a-zA-Z]*c|--command)$/,
    inline: /^--command=/,
    valued: /^(?:-C|--init-command)$/,
    plain: /^(?:-[iln]+|--(?:login|interactive|no-config))$/,
    argument: "$argv[1]",
  },
  {
    names: /^(?:node(?:js)?|bun|tsx)$/,
    code: /^(?:-e|--eval|-p|--print|-pe)$/,
    inline: /^--(?:eval|print)=/,
    valued:
      /^(?:-r|-C|--(?:require|import|loader|experimental-loader|conditions|env-file|env-file-if-exists|input-type|preload|tsconfig))$/,
    plain: /^--(?:no-[a-z-]+|enable-source-maps|experimental-[a-z-]+|trace-[a-z-]+)$/,
    command: /^run$/,
    argument: "process.argv[1]",
  },
  {
    names: /^deno$/,
    code: /^eval$/,
    valued: /^(?:-c|--(?:config|import-map|lock|cert))$/,
    plain: /^(?:-[Aq]+|--(?:allow|deny|no|unstable)-[a-z-]+|--quiet|--cached-only)$/,
    command: /^run$/,
    argument: "Deno.args[0]",
  },
  {
    names: /^python[\d.]*$/,
    code: /^-[a-zA-Z]*c$/,
    valued: /^-[WX]$/,
    plain: /^-[BEIOPSbdqsuvx]+$/,
    argument: "sys.argv[1]",
  },
  { names: /^perl$/, code: /^-(?![MmI])[a-zA-Z0-9.]*[eE]$/, valued: /^-I$/, plain: /^-(?:[wTt]+|[MmI].+)$/, argument: "$ARGV[0]" },
  { names: /^ruby$/, code: /^-(?![rI])[a-zA-Z0-9.]*e$/, valued: /^-[rIC]$/, plain: /^-(?:w|W\d?|[rI].+)$/, argument: "ARGV[0]" },
];

/** Where the interpreter stands: behind `env` with its variables, and behind `npx`. */
function startOf(command: readonly (string | null)[]): number {
  const skipped = SKIPPED.get(basename(command[0] ?? ""));
  if (skipped === undefined) return 0;
  const found = command.findIndex((argument, index) => index > 0 && !(argument !== null && skipped.test(argument)));
  return found === -1 ? 0 : found;
}

const SKIPPED: ReadonlyMap<string, RegExp> = new Map([
  ["env", /^(?:[A-Za-z_]\w*=.*|-i|--ignore-environment)$/s],
  ["npx", /^(?:-y|--yes|--no-install)$/],
]);

function readArguments(
  command: readonly (string | null)[],
  start: number,
  interpreter: Interpreter,
): Pick<Started, "kind" | "index"> | null {
  const { code, inline = NEVER, valued, plain, command: word = NEVER, isShell = false } = interpreter;
  let isCertain = true;
  let hasCode = false;
  let index = start;
  for (; index < command.length; index += 1) {
    const text = command[index] ?? "";
    const isWord = index === start && word.test(text);
    if (code.test(text)) {
      if (!isShell) return { kind: "code", index: index + 1 };
      hasCode = true;
      // `-euo pipefail -c`, and the same in one flag.
      if (/[oO]/.test(text)) index += 1;
    } else if (inline.test(text)) return { kind: "code", index };
    else if (valued.test(text)) index += 1;
    else if (!/^[-+]./.test(text) && !isWord) break;
    else if (!plain.test(text) && !/^--[a-z-]+=/.test(text) && !isWord) isCertain = false;
  }
  if (hasCode) return { kind: "code", index };
  return isCertain && index < command.length ? { kind: "script", index } : null;
}
