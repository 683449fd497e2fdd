import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { convertInput } from "../plan/inputs.ts";
import { readProblem } from "../plan/source.ts";
import { isJsonObject, type Json, type JsonObject, NotJsonError, parseJson, setOwn, toJson } from "../spec/json.ts";
import type { InputSpec } from "../spec/spec.ts";
import { decodeText } from "../spec/toml.ts";
import { type Io, UsageError } from "./io.ts";

/** The run's input: what the file holds, and over it what `--input` says. @throws UsageError */
export async function inputOf(
  io: Io,
  flags: { readonly input?: readonly string[]; readonly inputFile?: string },
  inputs: ReadonlyMap<string, InputSpec>,
): Promise<JsonObject> {
  const values = flags.inputFile === undefined ? {} : { ...(await fileInput(io, flags.inputFile)) };
  for (const argument of flags.input ?? []) {
    const { key, value } = parseInput(argument, inputs);
    setOwn(values, key, value);
  }
  return toJson(values) as JsonObject;
}

/** `--meta key=value`. @throws UsageError */
export function metaOf(entries: readonly string[]): Record<string, string> {
  const meta = {};
  for (const entry of entries) {
    const split = entry.indexOf("=");
    if (split < 1) throw new UsageError(`--meta takes key=value, not \`${entry}\``);
    setOwn(meta, entry.slice(0, split), entry.slice(split + 1));
  }
  return meta;
}

/**
 * The text of a file that a flag names; `-` is standard input.
 *
 * @throws UsageError
 */
export async function textOf(io: Io, file: string, flag: string): Promise<string> {
  const where = nameOf(file);
  let bytes: Uint8Array;
  try {
    bytes = file === "-" ? await io.readStdin() : await readFile(resolve(io.cwd, file));
  } catch (error) {
    throw new UsageError(`${flag}: ${readProblem(where, error)}`);
  }
  const { text, diagnostic } = decodeText(bytes);
  if (diagnostic !== undefined) throw new UsageError(`${flag}: ${where} is not a text in UTF-8`);
  return text;
}

async function fileInput(io: Io, file: string): Promise<JsonObject> {
  const text = await textOf(io, file, "--input-file");
  const expected = 'must hold a JSON object, such as {"topic": "tea"}';
  if (text.trim() === "") throw new UsageError(`--input-file: ${nameOf(file)} is empty; it ${expected}`);
  let value: Json;
  try {
    value = parseJson(text);
  } catch (error) {
    const problem = error instanceof SyntaxError ? "is not JSON" : "cannot be taken as it is";
    throw new UsageError(`--input-file: ${nameOf(file)} ${problem}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (isJsonObject(value)) return value;
  throw new UsageError(`--input-file: ${nameOf(file)} ${expected}`);
}

function nameOf(file: string): string {
  return file === "-" ? "standard input" : file;
}

function parseInput(argument: string, inputs: ReadonlyMap<string, InputSpec>): { key: string; value: Json } {
  const split = argument.indexOf("=");
  if (split < 1 || argument.startsWith(":=")) throw new UsageError(`--input takes key=value or key:=json, not \`${argument}\``);
  const text = argument.slice(split + 1);
  if (argument[split - 1] === ":") {
    const key = argument.slice(0, split - 1);
    return { key, value: parseInputJson(key, text) };
  }
  const key = argument.slice(0, split);
  const converted = convertInput(key, inputs.get(key), text);
  if ("problem" in converted) throw new UsageError(converted.problem);
  return { key, value: converted.value };
}

function parseInputJson(key: string, text: string): Json {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof NotJsonError) throw new UsageError(`the input \`${key}\` cannot be taken as it is: ${error.message}`);
    throw new UsageError(`--input ${key}:= takes JSON, and \`${text.slice(0, 60)}\` is not; a string needs quotes, or use ${key}=…`);
  }
}
