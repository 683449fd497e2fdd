import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { convertInput } from "../plan/inputs.ts";
import { isJsonObject, type Json, type JsonObject, setOwn, toJson } from "../spec/json.ts";
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

async function fileInput(io: Io, file: string): Promise<JsonObject> {
  const where = file === "-" ? "standard input" : file;
  const { text, diagnostic } = decodeText(await bytesOf(io, file));
  if (diagnostic !== undefined) throw new UsageError(`--input-file: ${where} is not a text in UTF-8`);
  let value: Json;
  try {
    value = toJson(JSON.parse(text));
  } catch (error) {
    throw new UsageError(`--input-file: ${where} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (isJsonObject(value)) return value;
  throw new UsageError(`--input-file: ${where} must hold a JSON object, such as {"topic": "tea"}`);
}

async function bytesOf(io: Io, file: string): Promise<Uint8Array> {
  if (file === "-") return io.readStdin();
  try {
    return await readFile(resolve(io.cwd, file));
  } catch (error) {
    throw new UsageError(`--input-file: ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseInput(argument: string, inputs: ReadonlyMap<string, InputSpec>): { key: string; value: Json } {
  const split = argument.indexOf("=");
  if (split < 1 || argument.startsWith(":=")) throw new UsageError(`--input takes key=value or key:=json, not \`${argument}\``);
  const text = argument.slice(split + 1);
  if (argument[split - 1] === ":") {
    const key = argument.slice(0, split - 1);
    try {
      return { key, value: toJson(JSON.parse(text)) };
    } catch {
      throw new UsageError(`--input ${key}:= takes JSON, and \`${text.slice(0, 60)}\` is not; a string needs quotes, or use ${key}=…`);
    }
  }
  const key = argument.slice(0, split);
  const spec = inputs.get(key);
  const value = convertInput(spec, text);
  if (value === undefined) throw new UsageError(`the input \`${key}\` must be of type ${spec?.type}, and \`${text.slice(0, 60)}\` is not`);
  return { key, value };
}
