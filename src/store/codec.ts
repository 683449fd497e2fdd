import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { setOwn, toJson } from "../spec/json.ts";
import type { RunRecord } from "./store.ts";

/** A JSON value as bytes. */
export interface Encoded {
  /** {@link COMPRESSED}, or 0. */
  readonly flags: number;
  readonly bytes: Uint8Array;
}

/** What was read is not what was written. */
export class NotAsWrittenError extends Error {
  override name = "NotAsWrittenError";
}

const COMPRESSED = 1;
const COMPRESSION_LEVEL = 3;
const DEFAULT_COMPRESS_ABOVE = 8192;

/** A value as JSON, compressed from this many bytes on where that makes it smaller. */
export function encode(value: unknown, compressAbove: number): Encoded {
  const text = JSON.stringify(value, hasNegativeZero(value) ? keepNegativeZero : undefined);
  const bytes = Buffer.from(text);
  if (bytes.length >= compressAbove) {
    const compressed = zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: COMPRESSION_LEVEL } });
    if (compressed.length < bytes.length) return { flags: COMPRESSED, bytes: compressed };
  }
  return { flags: 0, bytes };
}

/** The value, deeply frozen. @throws NotAsWrittenError where the bytes are none that {@link encode} makes */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- whoever wrote it knows what it is
export function decode<Value extends object>({ flags, bytes }: Encoded): Value {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(flags === COMPRESSED ? zstdDecompressSync(bytes) : bytes).toString());
  } catch (error) {
    throw new NotAsWrittenError("a value in it cannot be read", { cause: error });
  }
  return frozenCopy(value as Value);
}

/**
 * A deeply frozen copy of an object that has values of agents in its fields: each may be nested as deeply as a value may be.
 *
 * @throws NotJsonError
 */
export function frozenCopy<Value extends object>(value: Value): Value {
  const copy = {};
  for (const [key, field] of Object.entries(value)) if (field !== undefined) setOwn(copy, key, toJson(field));
  return Object.freeze(copy) as Value;
}

/** Continues a checksum over what comes next: a part that is changed, missing or elsewhere makes it, and all after it, differ. */
export function chain(checksum: number, parts: readonly (string | number | Uint8Array)[]): number {
  // With its length before it, no part can lend bytes to the next one.
  return parts.reduce<number>((sum, part) => {
    const data = typeof part === "number" ? String(part) : part;
    return crc32(data, crc32(`${typeof data === "string" ? Buffer.byteLength(data) : data.length}:`, sum));
  }, checksum);
}

/** From how many bytes on the values of a run are compressed. */
export function compressAboveOf(record: RunRecord): number {
  const pipeline: object = record.source.spec?.orchestration?.sequential?.pipeline ?? {};
  const above = (pipeline as { readonly compress_above?: unknown }).compress_above;
  return typeof above === "number" ? above : DEFAULT_COMPRESS_ABOVE;
}

/**
 * `outer~1/inner~2!1#3` → `outer/inner`, also where a fallback serves it: `outer~1@backup/inner~2!1#3`; `outer~1/admission!1#1`
 * → `outer`; null for the end of a round, which belongs to no stage.
 */
export function stageOfKey(key: string): string | null {
  const end = key.lastIndexOf("!");
  const visits = end === -1 ? key : key.slice(0, end);
  const name = visits.replace(/(?<=~\d+)\/admission$/, "").replace(/~\d+(?:@[^/]*)?(?=\/|$)/g, "");
  return visits === name && end !== -1 ? null : name;
}

/** JSON.stringify makes it 0, which is another value. */
function hasNegativeZero(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return Object.is(value, -0);
  return Object.values(value).some(hasNegativeZero);
}

function keepNegativeZero(_key: string, value: unknown): unknown {
  return Object.is(value, -0) ? (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON("-0") : value;
}
