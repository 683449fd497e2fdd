import { AgentError } from "../engine/failure.ts";
import type { ScriptCallPlan } from "../plan/plan.ts";
import { NotJsonError, parseJson } from "../spec/json.ts";

/** Takes secrets out of a text, before it is cut for a message. */
type Mask = (text: string) => string;

/**
 * What a script's stdout means.
 *
 * Contract: `json`: the value, exactly or not at all; undefined where there is nothing but white space. `text`: the text
 * without one trailing newline. `lines`: the lines without their ends; no output is no line.
 *
 * @throws AgentError `invalid_output`.
 */
export function readStdout(bytes: Buffer, mode: ScriptCallPlan["stdout"], mask: Mask = (text) => text): unknown {
  const text = decode(bytes, mode, mask);
  switch (mode) {
    case "json":
      return text.trim() === "" ? undefined : parse(text, mask);
    case "text":
      return text.replace(/\r?\n$/, "");
    case "lines":
      return text === "" ? [] : text.replace(/\r?\n$/, "").split(/\r?\n/);
  }
}

/** The beginning of a text, on one line, for a message. */
export function quote(text: string): string {
  const line = text.trim().replace(/\s+/g, " ");
  return JSON.stringify(line.length > 80 ? `${line.slice(0, 80)}…` : line);
}

function decode(bytes: Buffer, mode: ScriptCallPlan["stdout"], mask: Mask): string {
  try {
    // A byte order mark is no part of JSON; in text it stays.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: mode !== "json" }).decode(bytes);
  } catch {
    throw new AgentError("invalid_output", `stdout is not valid UTF-8; it begins with ${quote(mask(bytes.toString("utf8")))}`);
  }
}

function parse(text: string, mask: Mask): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    const problem =
      cause instanceof NotJsonError ? `cannot be taken as it is: ${cause.message}` : `is not JSON; it begins with ${quote(mask(text))}`;
    // The parser quotes from the middle of the text.
    throw new AgentError("invalid_output", `stdout ${problem}`, { cause: mask(text) === text ? cause : undefined });
  }
}
