import { readFileSync } from "node:fs";
import { PLAN_CODES } from "../plan/codes.ts";
import { explainCode, groupsOf, listCodes } from "../report/explain.ts";
import { colourWorks, makePalette } from "../report/terminal.ts";
import { SPEC_CODES } from "../spec/read.ts";
import { nearest } from "../spec/suggest.ts";
import { EXIT } from "./exit-codes.ts";
import { type Io, UsageError } from "./io.ts";
import { shippedFile } from "./shipped.ts";

/** Every code of a problem that is found before a run, with its meaning. */
export const MEANINGS: Readonly<Record<string, string>> = { ...SPEC_CODES, ...PLAN_CODES };

/** As commander hands them over. */
export interface ExplainFlags {
  readonly color: boolean;
}

/** `agentflow explain`: what a code means, as docs/diagnostics.md says it; without a code, all codes with their meanings. */
export async function explain(io: Io, given: string | undefined, flags: ExplainFlags): Promise<number> {
  const palette = await makePalette(colourWorks(io.stdout, io.env, flags.color));
  const page = readFileSync(shippedFile("docs", "diagnostics.md"), "utf8");
  const text = given === undefined ? listCodes(groupsOf(page), MEANINGS, palette) : explainCode(page, codeIn(given), palette);
  io.stdout.write(`${text}\n`);
  return EXIT.ok;
}

/** The code in what somebody has pasted: `unknown_agent`, `error[unknown-agent]: there is …`. */
function codeIn(pasted: string): string {
  const bare = (/\[([^\]]*)\]/.exec(pasted)?.[1] ?? pasted).trim();
  const code = bare.toLowerCase().replace(/[_\s]+/g, "-");
  if (Object.hasOwn(MEANINGS, code)) return code;
  const near = nearest(bare, Object.keys(MEANINGS));
  const help = near === undefined ? "`agentflow explain` lists all" : `did you mean \`${near}\`?`;
  throw new UsageError(`there is no code \`${bare}\`; ${help}`);
}
