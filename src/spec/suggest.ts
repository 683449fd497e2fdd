import { distance } from "fastest-levenshtein";

/**
 * The candidate that was probably meant by a misspelt name; undefined where none is close.
 *
 * Close means: the same but for case, `-` and `_`; or at most a third of the longer name's letters differ, where two
 * neighbours that are swapped count as one. The first of several equally close ones is taken.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = plain(name);
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const other = plain(candidate);
    const longer = Math.max(wanted.length, other.length);
    // No name that matters is this long, and the distance costs the product of the lengths.
    if (longer > 100) continue;
    const apart = isSwapped(wanted, other) ? 1 : distance(wanted, other);
    if (apart <= Math.floor(longer / 3) && apart < bestDistance) {
      best = candidate;
      bestDistance = apart;
    }
  }
  return best;
}

/**
 * Whether a misspelt name leaves no doubt about the one that was meant: it differs in case, `-` and `_` alone, or in one
 * letter of at least five (or two neighbours that are swapped), and no other candidate is as near.
 */
export function isCertain(name: string, meant: string, candidates: Iterable<string>): boolean {
  const wanted = plain(name);
  const apart = (other: string): number => (isSwapped(wanted, other) ? 1 : distance(wanted, other));
  const least = apart(plain(meant));
  if (least > 1 || (least === 1 && Math.max(wanted.length, plain(meant).length) < 5)) return false;
  return [...candidates].every((other) => other === meant || apart(plain(other)) > least);
}

/** Whether two neighbouring letters have changed places: to the distance these are two letters. */
function isSwapped(one: string, other: string): boolean {
  if (one.length !== other.length) return false;
  let first = 0;
  while (first < one.length && one[first] === other[first]) first += 1;
  return (
    first < one.length - 1 &&
    one[first] === other[first + 1] &&
    one[first + 1] === other[first] &&
    one.slice(first + 2) === other.slice(first + 2)
  );
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[-_\s]/g, "");
}
