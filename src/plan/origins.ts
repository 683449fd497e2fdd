import type { InputSpec } from "../spec/spec.ts";
import { isRequired } from "./inputs.ts";
import type { Effect, Write } from "./writes.ts";

/**
 * Where a key of the state comes from; or why it is not there: it never was (`absent`), or it was dropped. `open`: an agent may
 * have written it that does not say what it writes.
 */
export type Origin =
  | { readonly kind: "absent" | "dropped" | "open" }
  | { readonly kind: "input"; readonly spec: InputSpec }
  | { readonly kind: "write"; readonly element: string; readonly write: Write };

/** A set of origins of all keys, a bit for each. Whoever gets one does not change it. */
export type Bits = Uint32Array;

/** Every origin that a key may have, and the bits that stand for them. */
export interface OriginTable {
  readonly slots: ReadonlyMap<string, Slot>;
  readonly bitOfWrite: ReadonlyMap<Write, number>;
  /** A new set in which nothing is. */
  readonly allocate: () => Bits;
}

/** The origins of one key; the first one has the bit `from`, and so on. */
interface Slot {
  readonly from: number;
  readonly origins: readonly Origin[];
}

/** What every key may be, in this order: the first two are not there. */
const COMMON = [{ kind: "absent" }, { kind: "dropped" }, { kind: "open" }] as const satisfies readonly Origin[];
const [ABSENT, DROPPED, OPEN] = [0, 1, 2];
const MISSING = 2;

/** `asked`: the keys that somebody may ask for; null: any that there is. */
export function makeOrigins(
  inputs: ReadonlyMap<string, InputSpec>,
  effects: ReadonlyMap<string, Effect>,
  asked: ReadonlySet<string> | null,
): OriginTable {
  const origins = new Map<string, Origin[]>();
  const add = (key: string, ...more: Origin[]): void => {
    if (asked?.has(key) === false) return;
    const known = origins.get(key);
    if (known === undefined) origins.set(key, [...COMMON, ...more]);
    else known.push(...more);
  };
  for (const [name, spec] of inputs) add(name, { kind: "input", spec });
  for (const [element, { writes }] of effects) for (const write of writes) add(write.key, { kind: "write", element, write });
  for (const key of asked ?? []) add(key);
  const slots = new Map<string, Slot>();
  const bitOfWrite = new Map<Write, number>();
  let size = 0;
  for (const [key, list] of origins) {
    slots.set(key, { from: size, origins: list });
    for (const [offset, origin] of list.entries()) if (origin.kind === "write") bitOfWrite.set(origin.write, size + offset);
    size += list.length;
  }
  return { slots, bitOfWrite, allocate: allocator((size + 31) >> 5) };
}

/** Sets of one length, cut from larger pieces: each piece of memory of its own has its price. */
function allocator(length: number): () => Bits {
  const perPiece = Math.max(1, Math.floor(PIECE_WORDS / Math.max(1, length)));
  let piece = new Uint32Array(0);
  let next = 0;
  return () => {
    if (next + length > piece.length) [piece, next] = [new Uint32Array(length * perPiece), 0];
    next += length;
    return piece.subarray(next - length, next);
  };
}

const PIECE_WORDS = 8192;

export function noOrigins({ allocate }: OriginTable): Bits {
  return allocate();
}

function copyOf({ allocate }: OriginTable, bits: Bits): Bits {
  const copy = allocate();
  copy.set(bits);
  return copy;
}

/** What there is when a run starts. */
export function originsAtStart(table: OriginTable): Bits {
  const bits = noOrigins(table);
  for (const { from, origins } of table.slots.values()) {
    const offset = origins.findIndex(({ kind }) => kind === "input");
    const input = origins[offset];
    if (input?.kind === "input") set(bits, from + offset);
    if (input?.kind !== "input" || mayBeAbsent(input.spec)) set(bits, from + ABSENT);
  }
  return bits;
}

/** Whether a run can start without the input. */
export function mayBeAbsent(spec: InputSpec): boolean {
  return !isRequired(spec) && spec.default === undefined;
}

/** What there is after an effect; the same set where it changes nothing. */
export function originsAfter(table: OriginTable, { writes, openBy, drops }: Effect, before: Bits): Bits {
  if (openBy.length === 0 && drops === null && !writes.some((write) => table.bitOfWrite.has(write))) return before;
  const bits = copyOf(table, before);
  if (openBy.length > 0) for (const { from } of table.slots.values()) set(bits, from + OPEN);
  for (const write of writes) {
    const slot = table.slots.get(write.key);
    const bit = table.bitOfWrite.get(write);
    if (slot === undefined || bit === undefined) continue;
    if (write.doubt === null) clear(bits, slot.from, slot.from + slot.origins.length);
    set(bits, bit);
  }
  if (drops !== null) dropFrom(table, bits, drops);
  return bits;
}

/** What never was there is not dropped. */
function dropFrom(table: OriginTable, bits: Bits, drops: (key: string) => boolean): void {
  for (const [key, { from, origins }] of table.slots) {
    if (!drops(key)) continue;
    const wasThere = origins.some((_, offset) => offset !== ABSENT && has(bits, from + offset));
    clear(bits, from + 1, from + origins.length);
    if (wasThere) set(bits, from + DROPPED);
  }
}

/** The same where these keys are known to be there. */
export function originsWith(table: OriginTable, bits: Bits, keys: Iterable<string>): Bits {
  const result = copyOf(table, bits);
  for (const key of keys) {
    const slot = table.slots.get(key);
    if (slot !== undefined) clear(result, slot.from, slot.from + MISSING);
  }
  return result;
}

/** Whether the key may not be there. */
export function mayLack({ slots }: OriginTable, bits: Bits, key: string): boolean {
  const slot = slots.get(key);
  return slot === undefined || has(bits, slot.from + ABSENT) || has(bits, slot.from + DROPPED);
}

export function originsOf(table: OriginTable, bits: Bits, key: string): readonly Origin[] {
  const slot = table.slots.get(key);
  return slot === undefined ? [COMMON[ABSENT] as Origin] : slot.origins.filter((_, offset) => has(bits, slot.from + offset));
}

/** Those of both; the first set itself where the other has nothing new. */
export function joinOrigins(table: OriginTable, bits: Bits, others: Bits): Bits {
  let joined: Bits | null = null;
  for (let word = 0; word < bits.length; word += 1) {
    const [old, other] = [bits[word] as number, others[word] as number];
    if ((other & ~old) === 0) continue;
    joined ??= copyOf(table, bits);
    joined[word] = old | other;
  }
  return joined ?? bits;
}

function has(bits: Bits, bit: number): boolean {
  return ((bits[bit >> 5] ?? 0) & (1 << (bit & 31))) !== 0;
}

function set(bits: Bits, bit: number): void {
  bits[bit >> 5] = (bits[bit >> 5] ?? 0) | (1 << (bit & 31));
}

function clear(bits: Bits, from: number, to: number): void {
  for (let bit = from; bit < to; bit += 1) bits[bit >> 5] = (bits[bit >> 5] ?? 0) & ~(1 << (bit & 31));
}
