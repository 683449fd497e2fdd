import { compileTemplate } from "./template.ts";

/** A template in a text in which none is read: where it stands, and the keys that it was to read. */
export interface Misplaced {
  readonly at: { readonly start: number; readonly end: number };
  readonly names: readonly string[];
}

/** The first template in a text; null: there is none. */
export function templateIn(text: string): Misplaced | null {
  const found = /(?<!\$)\$\{\{.*?\}\}/s.exec(text);
  if (found === null) return null;
  const compiled = compileTemplate(text, {});
  const names = "template" in compiled ? compiled.template.reads.keys.map(({ name }) => name) : [];
  return { at: { start: found.index, end: found.index + found[0].length }, names };
}

/** What is said of it, by the last word of its place: the key, or what it belongs to. */
export function tellingOf(key: string): { readonly message: string; readonly help: string } {
  const where = WHERE[key] ?? `\`${key}\``;
  return {
    message: `templates are not read in ${where}, so this is ordinary text`,
    help:
      HELP[key] ?? `write the value itself; templates are read in prompts, in the \`command\` of an agent and in the values of its \`env\``,
  };
}

const WHERE: Readonly<Record<string, string>> = { hook: "the `command` of a hook", default: "the `default` of an input" };

const OF_REPLY = 'a reply is given as it stands; to make it of the state, write an expression: output = { key = "…" }';
const HELP: Readonly<Record<string, string>> = {
  reply: OF_REPLY,
  replies: OF_REPLY,
  hook: "a hook is told of the event on its stdin, as JSON",
  cwd: "name the directory itself, and pass the value to the script in `command` or `env`",
};
