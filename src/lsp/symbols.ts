import type { Path, Span } from "../spec/diagnostic.ts";
import { type AgentFacts, agentFactsIn } from "./agent-facts.ts";
import { outlineOf, type Part } from "./outline.ts";
import { matches } from "./sites.ts";

/** A table of the file, for an editor's list of what is in it; `name` is the range of its header. */
export interface TableSymbol extends Span {
  readonly title: string;
  readonly detail: string;
  readonly kind: "agent" | "group" | "table";
  readonly header: Span;
}

/** Every table with a header, in the order of the text; each reaches to the next. */
export function symbolsIn(text: string): TableSymbol[] {
  const outline = outlineOf(text);
  const factsOf = agentFactsIn(text, outline);
  const found = outline.parts.filter((part) => part.kind === "header");
  return found.map((part, index) => {
    const end = found[index + 1]?.start ?? text.length;
    return { ...described(part, factsOf), start: part.start, end, header: { start: part.start, end: part.end } };
  });
}

function described(
  part: Extract<Part, { kind: "header" }>,
  factsOf: (name: string) => AgentFacts,
): Pick<TableSymbol, "title" | "detail" | "kind"> {
  const { path } = part;
  const name = String(path.at(-1));
  if (matches(path, "agents.*")) return { title: name, detail: factsOf(name).type ?? "agent", kind: "agent" };
  if (matches(path, "orchestration.sequential.parallel.*")) return { title: name, detail: "group", kind: "group" };
  return { title: written(path), detail: "", kind: "table" };
}

/** `orchestration.sequential.branches 2`: entries of lists are counted from one. */
function written(path: Path): string {
  return path.map((part, index) => (typeof part === "number" ? ` ${part + 1}` : `${index === 0 ? "" : "."}${part}`)).join("") || "…";
}
