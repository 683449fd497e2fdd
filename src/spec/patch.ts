import type { Span } from "./diagnostic.ts";

/** Text in the place of a range of the source. */
export interface Patch extends Span {
  readonly text: string;
}

/** The source with its patches, which are sorted and do not overlap. */
export function applyPatches(source: string, patches: readonly Patch[]): string {
  let text = "";
  let done = 0;
  for (const patch of patches) {
    text += source.slice(done, patch.start) + patch.text;
    done = patch.end;
  }
  return text + source.slice(done);
}

/** With one more patch, which takes the place of all that it covers. */
export function addPatch(patches: readonly Patch[], added: Patch): Patch[] {
  const others = patches.filter(({ start, end }) => end <= added.start || start >= added.end);
  return [...others, added].toSorted((one, other) => one.start - other.start);
}

/** Where an offset of the patched text is in the source. What a patch has put there is the place of the patch. */
export function offsetInSource(patches: readonly Patch[], offset: number): number {
  let shift = 0;
  for (const { start, end, text } of patches) {
    const patched = start + shift;
    if (offset <= patched) break;
    if (offset < patched + text.length) return Math.min(start + offset - patched, end);
    shift += text.length - (end - start);
  }
  return offset - shift;
}
