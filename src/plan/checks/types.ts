import { relative } from "node:path";
import type { Path, Related } from "../../spec/diagnostic.ts";
import type { Expression } from "../expression.ts";
import { inferType, type TypeFinding, type TypeNames, withTable } from "../expression-type.ts";
import type { Node } from "../expression-tree.ts";
import { effectContext, type Flow, type FlowPlace } from "../flow.ts";
import type { AgentPlan } from "../plan.ts";
import type { Reader, Texts } from "../readers.ts";
import type { StateFlow } from "../state-flow.ts";
import type { TemplatePart } from "../template.ts";
import { ANY, describeType, isAny, type Type, typeOfInput, union } from "../type.ts";
import { resultOf } from "../writes.ts";
import type { More } from "./report.ts";
import { checkUndoerTypes } from "./undoer-types.ts";

/** Values of types that do not go together, as far as the file says what keys hold; and conditions that always come out the same. */
export function checkTypes(state: StateFlow): void {
  const { texts, readers, flow, isSound } = state;
  if (!isSound) return;
  for (const reader of readers) {
    // A name alone goes with anything.
    if (!reader.isCondition && reader.parts.every(({ expression }) => NAME.test(expression.text))) continue;
    const places = reader.at.filter(({ element }) => flow.isReached(element));
    if (places.length === 0) continue;
    const names = namesOf(reader, places, { texts, flow });
    const found = reader.parts.map((part) => checkPart(part, reader, names, places, { texts, flow }));
    const [type = ANY] = found.map((one) => one.type);
    if (reader.isCondition && !found.some(({ hasFindings }) => hasFindings)) checkCondition(reader, type, texts);
  }
  checkNestedInputs(readers, { texts, flow });
  checkUndoerTypes(state);
}

const NAME = /^\s*[A-Za-z_]\w*\s*$/;

interface Context {
  readonly texts: Texts;
  readonly flow: Flow;
}

/** What the expressions of a reader see, wherever they are evaluated. */
function namesOf({ table, result }: Reader, places: readonly FlowPlace[], { texts, flow }: Context): TypeNames {
  const all = places.map((place) => flow.namesAt(place, result === null ? undefined : resultOf(result, effectContext(texts.agents))));
  const key = (name: string): Type => union(all.map((names) => names.key(name)));
  const [first] = all;
  return withTable(table, { bare: key, key, stages: first?.stages ?? ANY, result: first?.result ?? null });
}

function checkPart(
  { expression, start }: TemplatePart,
  reader: Reader,
  names: TypeNames,
  places: readonly FlowPlace[],
  context: Context,
): { readonly type: Type; readonly hasFindings: boolean } {
  const tree = expression.tree();
  if (tree === null) return { type: ANY, hasFindings: true };
  const { type, findings } = inferType(tree, expression.text, names);
  for (const finding of findings) tellFinding(finding, start, reader, places, context);
  return { type, hasFindings: findings.length > 0 };
}

function tellFinding(finding: TypeFinding, start: number, { place, table }: Reader, places: readonly FlowPlace[], context: Context): void {
  const { kind, message, help, about, type } = finding;
  const key = keyIn(about);
  const origin = key === undefined || (table !== null && about.op === "id") ? [] : originOf(key, type, places, context);
  const more: More = {
    at: { start: finding.start + start, end: finding.end + start },
    ...(origin.length === 0 ? {} : { related: origin }),
    ...(help === undefined ? {} : { help }),
  };
  const { report } = context.texts;
  // With fail_fast = false the state stays as it was after a failure, and then it comes out otherwise.
  const mayDiffer = context.texts.source.spec.orchestration.sequential.pipeline?.fail_fast === false;
  if (kind === "mismatch") report.error("type-mismatch", place, message, more);
  else if (!mayDiffer) report.warning("constant-condition", place, message, more);
}

/** The key of the state that a part of an expression reads. */
function keyIn({ op, args }: Node): string | undefined {
  if (op === "id") return args as string;
  if (op !== ".") return undefined;
  const [base, name] = args as [Node, string];
  return base.op === "id" && base.args === "state" ? name : keyIn(base);
}

/** Where it is seen that a key is of a type. */
function originOf(key: string, type: Type, places: readonly FlowPlace[], { texts, flow }: Context): Related[] {
  const isPlain = !isAny(type) && !type.kinds.has("object");
  const label = isPlain ? `\`${key}\` is ${describeType(type)}` : `\`${key}\` comes from here`;
  for (const place of places) {
    for (const origin of flow.originsAt(place, key)) {
      if (origin.kind === "input") {
        const which = origin.spec.enum === undefined ? "type" : "enum";
        return [{ path: ["inputs", key, which], label }];
      }
      const agent = origin.kind === "write" ? texts.effective.get(origin.element) : undefined;
      if (agent === undefined) continue;
      const { output } = agent.keys;
      if (typeof output === "object") return [{ path: [...agent.pathOf("output"), key], label }];
      return [output === undefined ? { path: ["agents", agent.name], at: "key", label } : { path: agent.pathOf("output"), label }];
    }
  }
  return [];
}

function checkCondition({ place, parts }: Reader, type: Type, { report }: Texts): void {
  const [value] = type.values ?? [];
  if (!type.kinds.has("boolean")) {
    // What the text shows by itself was told when it was compiled.
    if (parts.some(({ expression }) => expression.type !== null && expression.type !== "boolean")) return;
    report.error("type-mismatch", place, `a condition is true or false, and this is ${describeType(type)}`, {
      help: "compare it with something, for example count > 0",
    });
  } else if (type.values?.length === 1 && typeof value === "boolean") {
    const help = value ? "leave it out: a branch without a condition always holds" : "remove the branch, or mend the condition";
    report.warning("constant-condition", place, `this condition is ${value ? "always" : "never"} true`, { help });
  }
}

/** Inputs of a nested pipeline are checked when it starts: those of an `input` table, or else the keys of the same name. */
function checkNestedInputs(readers: readonly Reader[], context: Context): void {
  const { texts, flow } = context;
  for (const agent of texts.effective.values()) {
    const plan = texts.agents.get(agent.name);
    if (plan?.call.type !== "pipeline") continue;
    const path = agent.pathOf(plan.input === null ? "file" : "input");
    const reader = readers.find(({ place }) => !("file" in place) && place[1] === path[1] && place[2] === path[2]);
    const places = reader?.at.filter(({ element }) => flow.isReached(element)) ?? [];
    if (reader === undefined || places.length === 0) continue;
    const names = namesOf({ ...reader, table: null }, places, context);
    const given = plan.input?.map(({ key, value }): Given => ({ key, path: [...path, key], type: typeOf(value, names) }));
    const taken = [...plan.call.plan.inputs.keys()].map((key): Given => ({ key, path, type: names.key(key) }));
    for (const one of given ?? taken) checkNestedInput(one, plan, context);
  }
}

interface Given {
  readonly key: string;
  readonly path: Path;
  readonly type: Type;
}

function typeOf(value: Expression, names: TypeNames): Type {
  const tree = value.tree();
  return tree === null ? ANY : inferType(tree, value.text, names).type;
}

function checkNestedInput({ key, path, type }: Given, plan: AgentPlan, { texts }: Context): void {
  const spec = plan.call.type === "pipeline" ? plan.call.plan.inputs.get(key) : undefined;
  if (spec === undefined || plan.call.type !== "pipeline" || fits(type, typeOfInput(spec))) return;
  const inner = relative(texts.source.directory, plan.call.plan.file ?? plan.call.plan.pipelineId);
  const what = plan.input === null ? `\`${key}\`` : "this";
  texts.report.error(
    "type-mismatch",
    path,
    `${inner} takes \`${key}\` as ${wordsFor(typeOfInput(spec))}, and ${what} is ${wordsFor(type)}`,
    {
      related: relatedInput(plan, key),
      help: "give it a value of that type, or change the type of the input",
    },
  );
}

/** Whether a value of one type can be one of another. */
function fits({ kinds, values }: Type, taken: Type): boolean {
  if (![...kinds].some((kind) => taken.kinds.has(kind))) return false;
  return values === null || taken.values === null || values.some((value) => taken.values?.includes(value) === true);
}

function wordsFor(type: Type): string {
  if (type.values === null || type.values.length > 8) return describeType(type);
  const values = type.values.map((value) => JSON.stringify(value));
  return values.length === 1 ? (values[0] ?? "") : `one of ${values.join(", ")}`;
}

function relatedInput({ call }: AgentPlan, key: string): Related[] {
  if (call.type !== "pipeline" || call.plan.file === null) return [];
  return [{ file: call.plan.file, path: ["inputs", key], at: "key", label: "the input" }];
}
