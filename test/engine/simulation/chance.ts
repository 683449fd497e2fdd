/** Chance that comes from a seed: the same seed, the same world. */
export interface Chance {
  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number;
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number;
  oneIn(times: number): boolean;
  pick<T>(choices: readonly T[]): T;
  /** So many different ones (or all), in their order. */
  some<T>(choices: readonly T[], count: number): T[];
}

export function chanceOf(seed: number): Chance {
  let state = (seed + 1) * 0x9e3779b9;
  /** Mulberry32, by Tommy Ettinger. */
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  const between = (least: number, most: number): number => least + below(most - least + 1);
  return {
    below,
    between,
    oneIn: (times) => below(times) === 0,
    pick: <T>(choices: readonly T[]): T => choices[below(choices.length)] as T,
    some: (choices, count) => {
      const left = choices.map((_, index) => index);
      const taken = new Set<number>();
      while (taken.size < Math.min(count, choices.length)) taken.add(left.splice(below(left.length), 1)[0] as number);
      return choices.filter((_, index) => taken.has(index));
    },
  };
}
