/**
 * What takes long to evaluate, and what only some files need: the expression language. Most expressions are so plain that
 * they can be checked without it.
 */
const LATE = ["@marcbachmann/cel-js"];

/**
 * A plugin that evaluates a package when one of its classes is first made, where an import statement would do so at the start.
 * The bundler does that for what is required; and to require does not wait, as `import(…)` would.
 */
export const latePackages = {
  name: "late-packages",
  transform: {
    filter: { id: /\/src\/.*\.ts$/ },
    handler(code) {
      return LATE.reduce(requireLate, code);
    },
  },
};

function requireLate(code, name) {
  const [statement, names] = new RegExp(`^import \\{ (.*) \\} from "${name}";$`, "m").exec(code) ?? [];
  if (statement === undefined) return code;
  return names.split(", ").reduce(
    (text, local) => {
      const late = text.replaceAll(`new ${local}(`, `new (require("${name}").${local})(`);
      if (late === text) throw new Error(`${local} of ${name} cannot be loaded late: it is not made with new`);
      return late;
    },
    code.replace(statement, ""),
  );
}
