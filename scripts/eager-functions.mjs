import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAst } from "rolldown/parseAst";

/**
 * Marks the functions in the files below `folder` that are called when Node is started with one of these lists of arguments.
 *
 * Node's compile cache holds what was compiled together with a file, and that is only what the engine expects to be called
 * at once: a function in parentheses. All others are compiled anew in each process, on their first call; that was a
 * quarter of the time of a check.
 */
export function markEager(folder, starts, env) {
  for (const [file, ranges] of calledFunctions(starts, env)) {
    if (file.startsWith(folder)) writeFileSync(file, marked(readFileSync(file, "utf8"), ranges));
  }
}

/** By file: where the functions stand that were called, as `start-end`. */
function calledFunctions(starts, variables) {
  const reports = mkdtempSync(join(tmpdir(), "agentflow-build-"));
  try {
    const env = { ...process.env, ...variables, NODE_V8_COVERAGE: reports, NODE_DISABLE_COMPILE_CACHE: "1" };
    for (const args of starts) execFileSync(process.execPath, args, { env, stdio: ["ignore", "ignore", "inherit"] });
    const called = new Map();
    for (const report of readdirSync(reports)) {
      for (const { url, functions } of JSON.parse(readFileSync(join(reports, report), "utf8")).result) {
        if (!url.startsWith("file:")) continue;
        const file = fileURLToPath(url);
        if (!called.has(file)) called.set(file, new Set());
        for (const { ranges } of functions)
          if (ranges[0].count > 0) called.get(file).add(`${ranges[0].startOffset}-${ranges[0].endOffset}`);
      }
    }
    return called;
  } finally {
    rmSync(reports, { recursive: true });
  }
}

/** A declaration can have no parentheses: it becomes a variable, at the beginning, since it may be used before it stands there. */
function marked(code, called) {
  const { body } = parseAst(code);
  const isCalled = ({ start, end }) => called.has(`${start}-${end}`);
  const parentheses = body.flatMap((statement) => expressions(statement)).filter(isCalled);
  const marks = [
    ...parentheses.map(({ start }) => ({ at: start, text: "(" })),
    ...parentheses.map(({ end }) => ({ at: end, text: ")" })),
  ].toSorted((one, other) => one.at - other.at);
  const render = (start, end) => {
    const within = marks.filter(({ at }) => at >= start && at <= end);
    const pieces = within.map(({ at, text }, index) => code.slice(index === 0 ? start : within[index - 1].at, at) + text);
    return pieces.join("") + code.slice(within.at(-1)?.at ?? start, end);
  };
  let variables = "";
  let rest = "";
  let position = 0;
  for (const statement of body) {
    const { type, id, start, end } = statement;
    if (type !== "FunctionDeclaration" || !isCalled(statement)) continue;
    variables += `var ${id.name}=(${render(start, id.start)}${render(id.end, end)});`;
    rest += render(position, start);
    position = end;
  }
  return variables + rest + render(position, code.length);
}

/** The functions in a node that are expressions. */
function expressions(node) {
  if (typeof node !== "object" || node === null) return [];
  const inside = Object.entries(node).flatMap(([key, value]) => (isMethod(node, key) ? expressions(value.body) : expressions(value)));
  return node.type === "FunctionExpression" || node.type === "ArrowFunctionExpression" ? [node, ...inside] : inside;
}

/** What looks like a function, but has no word `function`. */
function isMethod({ type, method, kind }, key) {
  return key === "value" && (type === "MethodDefinition" || (type === "Property" && (method || kind !== "init")));
}
