import { resolve } from "node:path";
import { fixAt } from "../compile.ts";
import type { EffectiveAgent } from "../effective.ts";
import type { AgentPlan } from "../plan.ts";
import type { StateFlow } from "../state-flow.ts";
import type { Template } from "../template.ts";
import type { Place } from "./report.ts";

/**
 * Warns of text that looks like the templates of another language, where it names a key that there is: `{{ topic }}`, and in prompts
 * `${topic}`, too.
 *
 * @returns the keys that were to be read
 */
export function checkNotTemplates({ texts, keys }: StateFlow): Set<string> {
  const { source, effective, agents, report } = texts;
  const names = new Set<string>();
  for (const agent of effective.values()) {
    const plan = agents.get(agent.name);
    if (plan === undefined) continue;
    const known = plan.input === null ? keys : new Set(plan.input.map(({ key }) => key));
    for (const { template, place, pattern } of textsOf(agent, plan, source.directory)) {
      for (const { at, written, inside, name } of lookalikesIn(template, pattern)) {
        if (!known.has(name)) continue;
        names.add(name);
        const meant = `\${{ ${inside} }}`;
        report.warning("not-a-template", place, `\`${written}\` is ordinary text here`, {
          at,
          help: `write \`${meant}\` to read \`${name}\``,
          fix: fixAt(place, { safe: false, ...at, text: meant }),
        });
      }
    }
  }
  return names;
}

/** A text with templates, and what to look for in it. */
interface Text {
  readonly template: Template;
  readonly place: Place;
  readonly pattern: RegExp;
}

const BRACES = /(?<![${])\{\{\s*((?:state\.)?([A-Za-z_]\w*)(?:\.\w+)*)\s*\}\}(?!\})/g;
const ANY_BRACES = new RegExp(`${BRACES.source}|${/(?<!\$)\$\{\s*((?:state\.)?([A-Za-z_]\w*)(?:\.\w+)*)\s*\}/.source}`, "g");

function textsOf({ keys, pathOf }: EffectiveAgent, { call }: AgentPlan, directory: string): Text[] {
  const text = (template: Template | null, place: Place, pattern: RegExp): Text[] =>
    template?.text.includes("{") === true ? [{ template, place, pattern }] : [];
  if (call.type === "script") {
    const command = typeof call.command === "string" ? [] : call.command;
    return [
      ...command.flatMap((template, index) => text(template, [...pathOf("command"), index], BRACES)),
      ...call.env.flatMap(({ name, value }) => text(value, [...pathOf("env"), name], BRACES)),
    ];
  }
  if (call.type !== "llm") return [];
  const prompt: Place = keys.prompt_file === undefined ? pathOf("prompt") : { file: resolve(directory, keys.prompt_file) };
  return [...text(call.systemPrompt, pathOf("system_prompt"), ANY_BRACES), ...text(call.prompt, prompt, ANY_BRACES)];
}

interface Lookalike {
  readonly at: { readonly start: number; readonly end: number };
  readonly written: string;
  readonly inside: string;
  readonly name: string;
}

/** Outside of what is a template. */
function lookalikesIn({ text, parts }: Template, pattern: RegExp): Lookalike[] {
  return [...text.matchAll(pattern)].flatMap((match): Lookalike[] => {
    const [written, ofBraces, nameInBraces, ofDollar, nameAfterDollar] = match;
    const start = match.index;
    const isInside = parts.some((part) => start >= part.start && start < part.start + part.expression.text.length);
    const [inside, name] = [ofBraces ?? ofDollar, nameInBraces ?? nameAfterDollar];
    return isInside || inside === undefined || name === undefined
      ? []
      : [{ at: { start, end: start + written.length }, written, inside, name }];
  });
}
