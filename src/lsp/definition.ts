import { isAbsolute, resolve } from "node:path";
import type { Span } from "../spec/diagnostic.ts";
import { covers } from "./hover.ts";
import { outlineOf, type Part } from "./outline.ts";
import { matches, type Site, sitesOf } from "./sites.ts";

/** Where something is defined: in the text itself, or in one of several files, of which the first that is there is meant. */
export type Definition = { readonly here: readonly Span[] } | { readonly files: readonly string[] };

/** What the name or the path at an offset stands for; null where nothing is named. Relative paths start at `directory`. */
export function definitionAt(text: string, offset: number, directory: string): Definition | null {
  const outline = outlineOf(text);
  const sites = sitesOf(text, outline);
  const site = sites.find((one) => covers(one, offset));
  if (site !== undefined) return { here: definitionsOf(site, sites) };
  const value = outline.parts.find((part) => part.kind === "value" && part.text !== null && covers(part, offset));
  return value?.kind === "value" ? fileAt(value, outline.parts, directory) : null;
}

/** Every place where the thing at an offset is named; where it is defined only if that is asked for. */
export function referencesAt(text: string, offset: number, withDefinition: boolean): Span[] {
  const sites = sitesOf(text, outlineOf(text));
  const site = sites.find((one) => covers(one, offset));
  if (site === undefined) return [];
  return sites.filter((one) => isSame(one, site) && (withDefinition || !one.isDefinition)).map(({ start, end }) => ({ start, end }));
}

export function isSame(one: Site, other: Site): boolean {
  return one.subject === other.subject && one.name === other.name;
}

/** An agent may have several headers, such as `[agents.a]` and `[agents.a.env]`: the first one is meant. */
function definitionsOf(site: Site, sites: readonly Site[]): Span[] {
  const found = sites.find((one) => one.isDefinition && isSame(one, site));
  return found === undefined ? [] : [{ start: found.start, end: found.end }];
}

type ValuePart = Extract<Part, { kind: "value" }>;

const FILES = ["agents.*.file", "agents.*.prompt_file", "agents.*.module", "hooks.#.module"];

function fileAt({ path, text }: ValuePart, parts: readonly Part[], directory: string): Definition | null {
  const written = text?.value ?? "";
  if (written === "" || written.includes("${{")) return null;
  if (FILES.some((pattern) => matches(path, pattern))) return { files: [resolve(directory, written)] };
  if (!matches(path, "agents.*.command.#") && !matches(path, "hooks.#.command.#")) return null;
  const cwd = parts.find((part) => part.kind === "value" && matches(part.path, "agents.*.cwd") && part.path[1] === path[1]);
  const from = path[0] === "agents" && cwd?.kind === "value" && cwd.text !== null ? resolve(directory, cwd.text.value) : directory;
  return isAbsolute(written) ? { files: [written] } : { files: [resolve(from, written)] };
}
