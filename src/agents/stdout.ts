import { AgentError } from "../engine/failure.ts";
import type { ScriptCallPlan } from "../plan/plan.ts";

/**
 * What a script's stdout means.
 *
 * Contract: `json`: the value, or undefined where there is nothing but white space; numbers come out as they were written
 * or not at all. `text`: the text without one trailing newline. `lines`: the lines without their ends; no output is no line.
 *
 * @throws AgentError `invalid_output`, quoting the beginning.
 */
export function readStdout(bytes: Buffer, mode: ScriptCallPlan["stdout"]): unknown {
  const text = decode(bytes, mode);
  switch (mode) {
    case "json":
      return text.trim() === "" ? undefined : parse(text);
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

function decode(bytes: Buffer, mode: ScriptCallPlan["stdout"]): string {
  try {
    // A byte order mark is no part of JSON; in text it stays.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: mode !== "json" }).decode(bytes);
  } catch {
    throw new AgentError("invalid_output", `stdout is not valid UTF-8; it begins with ${quote(bytes.toString("utf8", 0, 400))}`);
  }
}

function parse(text: string): unknown {
  try {
    // Asking for each number's source is slow, and most output has no number that could be too long for a double.
    return /\d{16}|[eE]\+?\d{3}/.test(text) ? JSON.parse(text, keepExact) : JSON.parse(text);
  } catch (error) {
    if (error instanceof AgentError) throw error;
    const reason = error instanceof RangeError ? "is nested too deeply" : "is not JSON";
    throw new AgentError("invalid_output", `stdout ${reason}; it begins with ${quote(text)}`, { cause: error });
  }
}

function keepExact(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== "number" || source === undefined || isExact(value, source)) return value;
  throw new AgentError(
    "invalid_output",
    `stdout holds the number ${abbreviate(source)}, which would come out as ${value}; print it as a string`,
  );
}

function isExact(value: number, source: string): boolean {
  return Number.isFinite(value) && (!/^-?\d+$/.test(source) || BigInt(source) === BigInt(value));
}

function abbreviate(digits: string): string {
  return digits.length > 40 ? `${digits.slice(0, 37)}…` : digits;
}
