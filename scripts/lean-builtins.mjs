import { isBuiltin } from "node:module";
import { parseAst } from "rolldown/parseAst";

/** What Node has loaded itself by the time that a program starts. */
const LOADED_ANYWAY = new Set(
  [
    "async_hooks",
    "buffer",
    "console",
    "diagnostics_channel",
    "events",
    "fs",
    "module",
    "path",
    "process",
    "querystring",
    "timers",
    "url",
    "util",
  ].map((name) => `node:${name}`),
);

/** What is there without a module. */
const GLOBALS = { "node:process": "globalThis.process", "node:console": "globalThis.console" };

/**
 * A plugin that replaces the imports of Node's own modules, which took more than a third of the time of `--help`:
 *
 * - An import statement makes Node read every export of the module, and with it load what hides behind lazy getters
 *   (`fs.promises`, `process.stdin`). `process.getBuiltinModule` does not.
 * - What Node has not loaded itself, such as `node:crypto`, is loaded when it is first used, as far as that cannot be
 *   noticed: functions and whole modules, not classes and constants.
 */
export const leanBuiltins = {
  name: "lean-builtins",
  renderChunk(code) {
    const imports = parseAst(code).body.filter(({ type, source }) => type === "ImportDeclaration" && isBuiltin(source.value));
    return imports.reduceRight((text, node) => text.slice(0, node.start) + bindings(node) + text.slice(node.end), code);
  },
};

function bindings({ source, specifiers }) {
  const id = source.value.startsWith("node:") ? source.value : `node:${source.value}`;
  const builtin = process.getBuiltinModule(id);
  const value = GLOBALS[id] ?? `globalThis.process.getBuiltinModule("${id}")`;
  const late = !LOADED_ANYWAY.has(id);
  const statements = specifiers.map(({ type, imported, local }) => {
    const name = type === "ImportSpecifier" ? imported.name : "default";
    if (name === "default")
      return late && typeof builtin === "object" ? `${local.name}=new Proxy({},{get:(_,name)=>${value}[name]})` : `${local.name}=${value}`;
    if (!Object.hasOwn(builtin, name)) throw new Error(`${id} has no export called ${name}`);
    return late && isPlainFunction(name, builtin[name])
      ? `${local.name}=(...args)=>${value}.${name}(...args)`
      : `${local.name}=${value}.${name}`;
  });
  return statements.length === 0 ? "" : `const ${statements.join()};`;
}

/** Not a class, and nothing hangs on it (as the promise form does on `execFile`). */
function isPlainFunction(name, value) {
  return (
    typeof value === "function" &&
    /^[a-z]/.test(name) &&
    Reflect.ownKeys(value).every((key) => key === "length" || key === "name" || key === "prototype")
  );
}
