import { relative } from "node:path";
import type { Documents } from "../plan/source.ts";
import type { DiagnosticsReport } from "../report/diagnostics-json.ts";
import type { Diagnostic } from "../spec/diagnostic.ts";
import { type Located, locateAll } from "../spec/positions.ts";
import { shownPath } from "./diagnostics.ts";
import type { Io } from "./io.ts";
import { VERSION } from "./version.ts";

/** Diagnostics for a program, as one text that ends in a line break where it is not empty. `files` are all that were checked. */
export async function diagnosticsAs(
  format: "concise" | "json" | "github" | "sarif",
  io: Io,
  files: DiagnosticsReport["files"],
  diagnostics: readonly Diagnostic[],
  documents: Documents,
): Promise<string> {
  const located = await locateAll(diagnostics, documents);
  switch (format) {
    case "concise": {
      const { conciseLines } = await import("../report/diagnostics-concise.ts");
      return linesText(conciseLines(located, (file) => shownPath(io, file)));
    }
    case "github": {
      const { githubCommands } = await import("../report/diagnostics-github.ts");
      return linesText(githubCommands(located, pathInCheckout(io)));
    }
    case "sarif":
      return jsonText(await sarif(located, io));
    case "json": {
      const { diagnosticsReport } = await import("../report/diagnostics-json.ts");
      return jsonText(diagnosticsReport(files, located));
    }
  }
}

async function sarif(located: readonly Located[], io: Io): Promise<object> {
  const { sarifLog } = await import("../report/diagnostics-sarif.ts");
  return sarifLog(located, { version: VERSION, shown: pathInCheckout(io) });
}

/** Services that annotate files know them from the root of the checkout, wherever in it a step works. */
function pathInCheckout({ env, cwd }: Io): (file: string) => string {
  const root = env.GITHUB_WORKSPACE ?? "";
  return (file) => {
    const path = relative(root === "" ? cwd : root, file);
    return path.startsWith("../") ? file : path;
  };
}

function linesText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

function jsonText(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
