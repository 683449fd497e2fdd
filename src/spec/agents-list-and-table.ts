import type { Diagnostic, Edit, Path } from "./diagnostic.ts";
import { addPatch, offsetInSource } from "./patch.ts";
import type { Repairing, Repairs } from "./repairs.ts";
import { type Statement, statementsOf } from "./toml-statements.ts";

/**
 * The list of agents and tables of the same name. The order of agents and their settings used to be written like that,
 * and it looks natural, but TOML defines a key once. The tables are read as if they stood where they belong.
 *
 * null where two statements that exclude each other are something else.
 */
export function renamedTables({ repairs }: Repairing, text: string, one: Statement, other: Statement): Repairs | null {
  const list = [one, other].find(({ kind, path }) => kind === "pair" && path.join(".") === LIST.join("."));
  const isTable = ({ kind, keys }: Statement): boolean => kind === "table" && LIST.every((name, index) => keys[index]?.name === name);
  if (list === undefined || ![one, other].some(isTable)) return null;
  const statements = statementsOf(text);
  const tables = statements.filter(isTable);
  const edits = tables.map(({ keys }): Edit & { span: { start: number; end: number } } => ({
    span: {
      start: offsetInSource(repairs.patches, keys[0]?.start ?? 0),
      end: offsetInSource(repairs.patches, keys[LIST.length - 1]?.end ?? 0),
    },
    text: "agents",
  }));
  const first = tables[0] as Statement;
  const start = offsetInSource(repairs.patches, first.start);
  const taken = new Set(
    statements.filter((statement) => !isTable(statement) && statement.kind !== "pair").map(({ path }) => path.join(".")),
  );
  const isFree = tables.every(({ keys }) => !taken.has(renamed(keys.map(({ name }) => name)).join(".")));
  return {
    ...repairs,
    patches: edits.reduce((patches, { span, text: name }) => addPatch(patches, { ...span, text: name }), repairs.patches),
    diagnostics: [...repairs.diagnostics, describe(tables, { start, end: start + first.end - first.start }, isFree ? edits : [])],
  };
}

const LIST = ["orchestration", "sequential", "agents"];

function renamed(names: readonly string[]): Path {
  return ["agents", ...names.slice(LIST.length)];
}

function describe(tables: readonly Statement[], span: Diagnostic["span"] & object, edits: readonly Edit[]): Diagnostic {
  const headers = tables.map(({ keys }) => header(renamed(keys.map(({ name }) => name).slice(0, LIST.length + 1))));
  const renames = [...new Set(headers)];
  return {
    severity: "error",
    code: "agents-list-and-table",
    message: "`agents` in [orchestration.sequential] is a list of names, so there cannot be tables below it as well",
    span,
    label: `write ${renames[0]}`,
    help: `what an agent is and how it is run stands in [agents.NAME]: write ${renames.join(", ")}; only the order stands in [orchestration.sequential]`,
    ...(edits.length === 0 ? {} : { fix: { safe: true, edits } }),
  };
}

function header(path: Path): string {
  return `[${path.map((part) => (/^[\w-]+$/.test(String(part)) ? part : JSON.stringify(part))).join(".")}]`;
}
