import type { Span } from "../spec/diagnostic.ts";
import { NAME } from "../spec/rules.ts";
import { isSame } from "./definition.ts";
import { covers } from "./hover.ts";
import { type Outline, outlineOf } from "./outline.ts";
import { matches, type Names, namesOf, readsAt, readsOfTemplate, type Site, sitesInPrompt, sitesOf } from "./sites.ts";

/** Text in the place of a range. */
export interface Replacement extends Span {
  readonly text: string;
}

/** Every change that a new name takes, or why it cannot be given, for a person. */
export type Renaming =
  | {
      readonly edits: readonly Replacement[];
      /** The same in files with prompts, by their paths as they are written. */
      readonly prompts: ReadonlyMap<string, readonly Replacement[]>;
      /** What the person has to look at, which was not changed; null where there is nothing. */
      readonly warning: string | null;
    }
  | { readonly problem: string };

/** The name at an offset that can be changed: that of an agent, a group or a provider that the file defines. */
export function renamableAt(text: string, offset: number): (Span & { readonly name: string }) | null {
  const site = siteAt(text, offset)?.site;
  return site === undefined ? null : { start: site.start, end: site.end, name: site.name };
}

/**
 * Gives what is named at an offset another name, wherever it is named: headers, lists, keys, `stages.NAME` in expressions.
 *
 * Contract: keys of the state keep their names, also where an agent's output lies under the agent's own name; where an
 * expression reads a key that has the old name, the warning says so. `prompts` holds the files with prompts, by their paths as they
 * are written.
 */
export function renameAt(text: string, offset: number, name: string, prompts: ReadonlyMap<string, string>): Renaming {
  const found = siteAt(text, offset);
  if (found === null) return { problem: "only an agent, a group or a provider that this file defines can be renamed" };
  const { site, sites, outline } = found;
  const names = namesOf(outline);
  const problem = nameProblem(name, site, names);
  if (problem !== null) return { problem };
  return {
    edits: sites.filter((one) => isSame(one, site)).map((one) => replacement(one, name)),
    prompts: new Map([...prompts].map(([file, prompt]) => [file, editsInPrompt(prompt, site, name, names)])),
    warning: site.subject === "provider" ? null : warningFor(site.name, outline, prompts.values()),
  };
}

/** The files with prompts that a pipeline names, as they are written. */
export function promptFilesIn({ parts }: Outline): string[] {
  const files = parts.flatMap((part) =>
    part.kind === "value" && matches(part.path, "agents.*.prompt_file") ? (part.text?.value ?? []) : [],
  );
  return [...new Set(files)].filter((file) => file !== "");
}

function siteAt(text: string, offset: number): { site: Site; sites: readonly Site[]; outline: Outline } | null {
  const outline = outlineOf(text);
  const sites = sitesOf(text, outline);
  const site = sites.find((one) => covers(one, offset));
  const isDefined = site !== undefined && sites.some((one) => one.isDefinition && isSame(one, site));
  return isDefined ? { site, sites, outline } : null;
}

function nameProblem(name: string, site: Site, names: Names): string | null {
  if (!NAME.test(name)) return `${JSON.stringify(name)} cannot be a name; a name is a letter, then letters, digits, - and _`;
  if (name === site.name) return null;
  const rivals = site.subject === "provider" ? (["provider"] as const) : (["agent", "group"] as const);
  const taken = rivals.find((subject) => names[subject].has(name));
  if (taken === undefined) return null;
  return `there is ${taken === "agent" ? "an agent" : `a ${taken}`} called \`${name}\` already; choose another name`;
}

function editsInPrompt(prompt: string, site: Site, name: string, names: Names): Replacement[] {
  return sitesInPrompt(prompt, names)
    .filter((one) => isSame(one, site))
    .map((one) => replacement(one, name));
}

/** A name with a hyphen cannot stand after a dot: it goes into brackets. */
function replacement({ start, end, member }: Site, name: string): Replacement {
  if (member === null || /^\w+$/.test(name)) return { start, end, text: name };
  return { start: member.start, end: member.end, text: `[${member.quote}${name}${member.quote}]` };
}

/** Bare names are keys of the state, which may well be called like an agent. */
function warningFor(name: string, { parts }: Outline, prompts: Iterable<string>): string | null {
  const inFile = parts.map((part) => (part.kind === "value" && part.text !== null ? readsAt(part.text.value, part.path) : null));
  const all = [...inFile, ...[...prompts].map((prompt) => readsOfTemplate(prompt))];
  const count = all.filter((reads) => reads?.keys.some((key) => key.name === name)).length;
  if (count === 0) return null;
  const places = count === 1 ? "one place reads" : `${count} places read`;
  return `${places} \`${name}\` as a key of the state, which was not renamed; if that is what the agent writes under its own name, change it as well`;
}
