import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { checkFile } from "../src/pipeline/check.ts";
import { EXIT } from "../src/cli/exit-codes.ts";
import { VERSION } from "../src/cli/version.ts";
import { loadPipeline } from "../src/index.ts";
import { compileExpression } from "../src/plan/expression.ts";
import { BUILT_IN_PROVIDERS } from "../src/plan/providers.ts";
import { compileTemplate } from "../src/plan/template.ts";
import { type Json, type JsonObject, toJson } from "../src/spec/json.ts";
import { jsonSchema } from "../src/spec/json-schema.ts";
import { tableKeys } from "../src/spec/schema.ts";
import { FAILURE_KINDS, HOOK_EVENTS, NEVER_RETRIED_KINDS, RETRYABLE_KINDS } from "../src/spec/spec.ts";
import { parseToml } from "../src/spec/toml.ts";
import { type Block, blocksOf, codeIn, headingsOf, linksOf, proseOf, sectionOf, tablesOf } from "./support/markdown.ts";
import { runProgram } from "./support/program.ts";
import { pipelineOf, runPipeline } from "./support/run.ts";
import { openShell, type Shell } from "./support/shell.ts";

/**
 * The documentation says what the program does.
 *
 * The words behind the language of a block say what the block is:
 *
 *     ```toml               a whole pipeline: valid, without a warning
 *     ```toml NAME.toml     the same; it is a file for the commands of the page, as is a block of any language with a name
 *     ```toml fragment      a part of one; what is missing to a whole pipeline is added here, and then it is valid
 *     ```toml wrong NAME    a pipeline that is refused
 *     ```toml code NAME     one whose agents are functions of an example that is run
 *     ```console            commands (`$ …`) with what they print, run in order in a folder with the page's files
 *     ```sh                 commands without their output: they are not run, but have to exist
 *     ```yaml               has to be YAML; its commands are looked at as those of `sh` are
 *     ```ts NAME.ts         has the right types; `ts fragment` is not looked at
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const names = ["README.md", ...readdirSync(join(root, "docs")).map((file) => `docs/${file}`)];
const pages = new Map(names.map((name) => [name, readFileSync(join(root, name), "utf8")]));
const page = (name: string): string => pages.get(name) ?? "";
const file = page("docs/pipeline-file.md");
const commands = page("docs/command-line.md");
const library = page("docs/library.md");
const writing = page("docs/writing-agents.md");
const expressions = page("docs/expressions.md");

interface Example extends Block {
  readonly page: string;
}

const examples: readonly Example[] = [...pages].flatMap(([name, text]) => blocksOf(text).map((block) => ({ ...block, page: name })));
const fileName = ({ words }: Block): string | undefined => words.find((word) => word.includes("."));
const filesOf = (name: string): [string, string][] =>
  examples.flatMap((block) => {
    const named = block.page === name ? fileName(block) : undefined;
    return named === undefined ? [] : [[named, block.text]];
  });

const shells = new Map<string, Shell>();
beforeAll(() => {
  for (const name of names) shells.set(name, openShell(filesOf(name)));
});
const shellOf = (name: string): Shell => {
  const shell = shells.get(name);
  if (shell === undefined) throw new Error(`there is no page ${name}`);
  return shell;
};

describe("pipelines", () => {
  /** What another machine may have. */
  const MACHINE = ["unset-variable", "missing-program", "missing-file"];
  // The examples of docs/diagnostics.md have exactly the problem of their section, which test/explain.test.ts looks at.
  const blocks = examples.filter(({ language, page: name }) => language === "toml" && name !== "docs/diagnostics.md");
  const check = async (block: Example, text: string) => {
    const place = join(shellOf(block.page).folder, fileName(block) ?? "example.toml");
    const { diagnostics } = await checkFile(place, new TextEncoder().encode(text), {});
    return diagnostics
      .filter(({ code }) => !MACHINE.includes(code))
      .map(({ severity, code, message }) => `${severity} ${code}: ${message}`);
  };

  test.each(blocks.filter(({ words }) => !words.some((word) => ["fragment", "wrong", "code"].includes(word))))(
    "$page:$line is valid",
    async (block) => expect(await check(block, block.text)).toEqual([]),
  );

  test.each(blocks.filter(({ words }) => words.includes("fragment")))("$page:$line is valid as a part", async (block) => {
    const problems = await check(block, completed(block.text));
    expect(problems.filter((problem) => problem.startsWith("error"))).toEqual([]);
  });

  test.each(blocks.filter(({ words }) => words.includes("wrong")))("$page:$line is refused", async (block) =>
    expect((await check(block, block.text)).some((problem) => problem.startsWith("error"))).toBe(true),
  );

  test("row 86: the whole example runs, its model as a function", async () => {
    const { folder } = shellOf("docs/pipeline-file.md");
    const analyzer = ({ rows, total }: { rows: unknown[]; total: number }): string => `${rows.length} rows, ${total}\nDECLINE`;
    const pipeline = await loadPipeline(join(folder, "sales-report.toml"), { agents: { analyzer } });
    const { status, path, state } = await pipeline.run({ input: { source: "may.csv" } });
    expect({ status, path, state }).toEqual({
      status: "succeeded",
      path: ["collector", "analyzer", "alert", "formatter"],
      state: {
        source: "may.csv",
        total: 200,
        findings: "2 rows, 200\nDECLINE",
        declining: true,
        report: "Sales: 200\n\n2 rows, 200\nDECLINE",
      },
    });
  });
});

describe("commands", () => {
  /** A page has many of them, and a machine that does something else as well starts a process in a second. */
  const PROCESSES_MS = 120_000;
  /** So is when it was, who it was, how much it was, and so how wide a column. */
  const unmeasured = (text: string): string =>
    text
      .replace(/\b\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?\b/g, "(when)")
      .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "(id)")
      .replace(/(?<=^(Took|Size) +|^(run|tuesday|monday) .*|✖ failed +|by \w+, |succeeded, )\d+(\.\d+)?(m?s|K?B)\b/gm, "(how much)")
      .replace(/(?<=\S) {2,}/g, "  ");
  /** How long something took is different every time. */
  const untimed = (text: string): string =>
    unmeasured(text).replace(/(✔|✖|succeeded in|after|finished: \w+|undone by \w+,) \d+(\.\d+)?m?s/g, "$1 …");

  test.each(names.filter((name) => examples.some((block) => block.page === name && block.language === "console")))(
    "%s shows what its commands print",
    async (name) => {
      const shell = shellOf(name);
      for (const { text } of examples.filter((block) => block.page === name && block.language === "console")) {
        let shown = "";
        for (const [, command = ""] of text.matchAll(/^\$ (.+)$/gm)) shown += `$ ${command}\n${(await shell.run(command)).shown}`;
        expect(untimed(shown)).toBe(untimed(text));
      }
    },
    PROCESSES_MS,
  );

  test(
    "the pipeline in five minutes of the README works with the commands as given",
    async () => {
      const section = sectionOf(page("README.md"), "A pipeline in five minutes");
      const [toml, sh] = blocksOf(section);
      const saved = /Save this as `([\w.]+)`/.exec(section)?.[1] ?? "";
      const shell = shellOf("README.md");
      writeFileSync(join(shell.folder, saved), toml?.text ?? "");
      const ran = [];
      for (const command of sh?.text.trim().split("\n") ?? []) ran.push({ command, ...(await shell.run(command)) });
      expect(ran.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
      expect(ran[0]?.shown).toBe(`${saved}: valid\n`);
      expect(ran[1]?.shown).toContain("what a run would do");
      expect(ran[2]?.shown).toContain('"characters": 32');
      expect(ran[3]?.shown.split("\n").at(-2)).toBe('"Tea is a drink made from leaves."');
    },
    PROCESSES_MS,
  );

  test("every command and flag that is shown exists", async () => {
    const known = await programFlags();
    const unknown = examples
      .filter(({ language }) => ["sh", "console", "yaml"].includes(language))
      .flatMap(({ text, page: name }) =>
        [...text.matchAll(/\bagentflow ([a-z]+)([^|;>)\n]*)/g)].flatMap(([line, command = "", rest = ""]) => {
          const flags = rest.match(/(?<=\s)--?[a-z][a-z-]*/g) ?? [];
          return flags.every((flag) => known.get(command)?.includes(flag)) && known.has(command) ? [] : [`${name}: ${line}`];
        }),
      );
    expect(unknown).toEqual([]);
  });
});

describe("docs/pipeline-file.md", () => {
  const headings = new Map([
    ["", "Top level"],
    ["[orchestration.sequential.pipeline]", "`[orchestration.sequential.pipeline]`"],
    ["[orchestration.sequential.parallel.NAME]", "Groups"],
    ["[[orchestration.sequential.branches]]", "Branches"],
  ]);
  const tables = [...tableKeys()].map(([table, keys]) => ({ table, keys, section: headings.get(table) ?? `\`${table}\`` }));
  const keyRows = (section: string): string[][] =>
    tablesOf(sectionOf(file, section))
      .filter(({ head }) => head[0] === "key")
      .flatMap(({ rows }) => rows.map((row) => [...row]));

  test.each(tables)("$section has a row for every key of $table, and for no other", ({ table, keys, section }) => {
    // The sections of the tables below are sections of their own, or of deeper headings.
    const below = table === "[orchestration.sequential]" ? keyRows("`[orchestration.sequential.pipeline]`") : [];
    const rows = keyRows(section).slice(0, below.length === 0 ? undefined : -below.length);
    expect(rows.flatMap(([key = ""]) => codeIn(key)).toSorted()).toEqual(Object.keys(keys).toSorted());
  });

  test("every key of the JSON Schema occurs", () => {
    const documented = new Set(codeIn(file));
    expect(schemaKeys(jsonSchema() as JsonObject).filter((key) => !documented.has(key))).toEqual([]);
  });

  test("the defaults are those of the JSON Schema's descriptions", () => {
    const wrong = tables.flatMap(({ keys, section }) =>
      Object.entries(keys).flatMap(([key, description]) => {
        const literal = /Default: ("[^"]*"|\d+|true|false)/.exec(description)?.[1];
        const row = keyRows(section).find(([cell = ""]) => codeIn(cell).length === 1 && codeIn(cell)[0] === key);
        return literal === undefined || row === undefined || row[1]?.includes(literal) ? [] : [`${section} ${key}: ${literal}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test("every kind of failure is there, with what is retried", () => {
    const retried = (kind: string): string =>
      (RETRYABLE_KINDS as readonly string[]).includes(kind)
        ? "yes"
        : (NEVER_RETRIED_KINDS as readonly string[]).includes(kind)
          ? "never"
          : "only if named";
    const [kinds] = tablesOf(sectionOf(file, "Kinds of failure"));
    expect(kinds?.rows.map(([kind = "", , when]) => [codeIn(kind)[0], when])).toEqual(FAILURE_KINDS.map((kind) => [kind, retried(kind)]));
  });

  test("every hook event is there", () => {
    const events = tablesOf(sectionOf(file, "`[[hooks]]`")).find(({ head }) => head[0] === "event");
    expect(events?.rows.map(([event = ""]) => codeIn(event)[0])).toEqual([...HOOK_EVENTS]);
    for (const event of HOOK_EVENTS) expect(library).toContain(`\`${event}\``);
  });

  test("every built-in provider is there", () => {
    const [providers] = tablesOf(sectionOf(file, "`[providers.NAME]`"));
    const rows = Object.entries(BUILT_IN_PROVIDERS).map(([name, { base_url, api_key_env }]) => [name, base_url, api_key_env ?? "none"]);
    expect(providers?.rows.map((row) => row.map((cell) => codeIn(cell)[0] ?? cell))).toEqual(rows);
  });
});

describe("docs/expressions.md", () => {
  const state = toJson(JSON.parse(examples.find((block) => fileName(block) === "state.json")?.text ?? "")) as JsonObject;
  const scope = { names: state, state, meta: {}, stages: {} };
  const evaluate = (text: string): Json => {
    const compiled = compileExpression(text, {});
    if ("problems" in compiled) throw new Error(compiled.problems.map(({ message }) => message).join("\n"));
    return compiled.expression.evaluate(scope);
  };
  const messageOf = (work: () => unknown): string => {
    try {
      return `no error, but ${JSON.stringify(work())}`;
    } catch (error) {
      return (error as Error).message;
    }
  };
  const rowsOf = (head: string): { left: string; right: string; more: string }[] =>
    tablesOf(expressions)
      .filter((table) => table.head.join(" ") === head)
      .flatMap(({ rows }) => rows.map(([left = "", right = "", more = ""]) => ({ left: codeIn(left)[0] ?? "", right, more })));

  test.each(rowsOf("expression value"))("$left → $right", ({ left, right }) => {
    if (right.startsWith("error: ")) expect(messageOf(() => evaluate(left))).toBe(codeIn(right)[0]);
    else expect(evaluate(left)).toEqual(JSON.parse(codeIn(right)[0] ?? ""));
  });

  test.each(rowsOf("expression code what to do"))("$left is refused: $right", ({ left, right, more }) => {
    const compiled = compileExpression(left, {});
    expect("problems" in compiled ? compiled.problems.map(({ code }) => `\`${code}\``) : []).toEqual([right]);
    const instead = /^`(\w.*)`$/.exec(more)?.[1];
    if (instead?.includes("`") === false) expect(evaluate(instead)).toBeDefined();
  });

  test.each(rowsOf("template becomes"))("$left becomes $right", ({ left, right }) => {
    const compiled = compileTemplate(left, {});
    expect("template" in compiled ? compiled.template.renderText(scope) : compiled).toBe(codeIn(right)[0]);
  });

  test("lists the words of the language", () => {
    const listed = codeIn(/These words are taken: ([^]*?)\. After/.exec(expressions)?.[1] ?? "");
    const candidates = `${listed.join(" ")} abstract and await case catch class def default del do each elif enum export extends final
      finally from goto interface is lambda match new not object or self size static switch this throw try undefined use using with yield
      any array boolean float number string_type timestamp duration dyn has matches optional_type proto`.split(/\s+/);
    const isTaken = (word: string): boolean => {
      const compiled = compileExpression(word, {});
      return "problems" in compiled || compiled.expression.reads.keys.length === 0;
    };
    expect(listed).toEqual([...new Set(candidates)].filter(isTaken));
    for (const word of listed) expect(compileExpression(`state.${word}`, {})).toHaveProperty("expression");
  });

  test("lists the metadata", async () => {
    let meta: string[] = [];
    const look = (_input: unknown, context: { meta: object }): void => {
      meta = Object.keys(context.meta);
    };
    await runPipeline(pipelineOf({ agents: ["look"] }), { look });
    const row = tablesOf(sectionOf(expressions, "Names")).flatMap(({ rows }) => rows.filter(([name]) => name === "`meta`"))[0];
    expect(codeIn(row?.[1] ?? "").filter((word) => !word.startsWith("--"))).toEqual(meta);
  });
});

describe("docs/command-line.md", () => {
  test("has every command, and every flag in the section of its command", async () => {
    const missing = [...(await programFlags())].flatMap(([command, flags]) => {
      const section = command === "" ? commands : sectionOf(commands, `\`${command}\``);
      const documented = new Set(codeIn(section).flatMap((code) => code.split(/[ ,]+/)));
      return flags.filter((flag) => !documented.has(flag) && !/^(-h|--help)$/.test(flag)).map((flag) => `${command} ${flag}`);
    });
    expect(missing).toEqual([]);
  });

  test("has no flag that does not exist", async () => {
    const known = new Set([...(await programFlags()).values()].flat());
    const shown = codeIn(proseOf(commands)).flatMap((code) => code.match(/(?<![\w-])--?[a-z][a-z-]*/g) ?? []);
    expect(shown.filter((flag) => !known.has(flag))).toEqual([]);
  });

  test("has every exit code", () => {
    const [codes] = tablesOf(sectionOf(commands, "Exit codes"));
    expect(codes?.rows.map(([code]) => Number(code))).toEqual(Object.values(EXIT));
  });

  test("names the fields of the problems in JSON", async () => {
    const shell = shellOf("docs/command-line.md");
    const { shown } = await shell.run("agentflow validate --format json broken.toml");
    const report = JSON.parse(shown) as { diagnostics: object[] };
    const table = tablesOf(sectionOf(commands, "`validate`")).find(({ head }) => head[0] === "field");
    expect(table?.rows.flatMap(([field = ""]) => codeIn(field))).toEqual(Object.keys(report));
    const described = codeIn(table?.rows.find(([field]) => field === "`diagnostics`")?.[2] ?? "");
    for (const key of Object.keys(report.diagnostics[0] ?? {})) expect(described).toContain(key);
  });

  test("the version of the program is that of the package", () => {
    expect(VERSION).toBe((JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version);
  });
});

describe("docs/ci.md", () => {
  const blocks = examples.filter((block) => block.page === "docs/ci.md" && block.language === "yaml");
  const hooks = parse(readFileSync(join(root, ".pre-commit-hooks.yaml"), "utf8")) as { id: string; entry: string; files: string }[];

  test.each(blocks)("$page:$line is YAML", ({ text }) => expect(parse(text)).toBeTypeOf("object"));

  test("the hooks for pre-commit are the ones that it names, and call commands and flags that exist", async () => {
    const known = await programFlags();
    const named = [...page("docs/ci.md").matchAll(/`(agentflow-\w+)`/g)].map(([, id]) => id);
    expect(hooks.map(({ id }) => id)).toEqual(named);
    for (const { entry } of hooks) {
      const [program, command = "", ...flags] = entry.split(" ");
      expect([program, ...flags.filter((flag) => known.get(command)?.includes(flag) !== true)]).toEqual(["agentflow"]);
    }
  });

  test.each([
    ["agentflow.toml", true],
    ["a/agentflow.toml", true],
    ["pipelines/b/c.toml", true],
    ["a/pipelines/b.toml", true],
    ["package.toml", false],
    ["my-agentflow.toml", false],
  ])("of %s the hooks think that it is a pipeline: %s", (name, isPipeline) => {
    for (const { files } of hooks) expect(new RegExp(files).test(name)).toBe(isPipeline);
  });

  test("its hook of git stops a commit of a file with a problem as it is staged, and no other", async () => {
    const shell = shellOf("docs/ci.md");
    const hook = readFileSync(join(shell.folder, "pre-commit.sh"), "utf8").replace("$PWD/node_modules/.bin/agentflow", "agentflow");
    const good = examples.find((block) => fileName(block) === "report.toml")?.text ?? "";
    mkdirSync(join(shell.folder, "pipelines/deep"), { recursive: true });
    writeFileSync(join(shell.folder, "pipelines/deep/good one.toml"), good);
    writeFileSync(join(shell.folder, "pipelines/bad.toml"), good.replace("retries", "retrys"));
    const commit = "git -c user.name=a -c user.email=a@example.org commit -q -m x";
    await shell.run("git init -q . && git add pipelines/deep");
    writeFileSync(join(shell.folder, ".git/hooks/pre-commit"), hook, { mode: 0o755 });
    expect(await shell.run(commit)).toEqual({ code: 0, shown: "pipelines/deep/good one.toml: valid\n" });
    const { code, shown } = await shell.run(`git add pipelines && ${commit}`);
    expect({ code, first: shown.split("\n")[0] }).toEqual({
      code: 1,
      first: "error[unknown-key]: unknown key `retrys` in [agents.collect]",
    });
    writeFileSync(join(shell.folder, "pipelines/bad.toml"), good);
    expect(await shell.run(commit)).toMatchObject({ code: 1 });
    await shell.run("git add pipelines");
    writeFileSync(join(shell.folder, "pipelines/bad.toml"), good.replace("retries", "retrys"));
    expect(await shell.run(commit)).toEqual({ code: 0, shown: "pipelines/bad.toml: valid\n" });
    const outer = '[agents.inner]\ntype = "pipeline"\nfile = "../parts/inner.toml"\n\n[orchestration.sequential]\nagents = ["inner"]\n';
    writeFileSync(join(shell.folder, "pipelines/outer.toml"), outer);
    mkdirSync(join(shell.folder, "parts"));
    writeFileSync(join(shell.folder, "parts/inner.toml"), good);
    expect(await shell.run(`git add pipelines/outer.toml && ${commit}`)).toMatchObject({ code: 1 });
    expect(await shell.run(`git add parts && ${commit}`)).toEqual({ code: 0, shown: "pipelines/outer.toml: valid\n" });
  }, 60_000);
});

describe("docs/writing-agents.md", () => {
  test("lists the variables that a script gets", () => {
    const set = readFileSync(join(root, "src/agents/script.ts"), "utf8").match(/AGENTFLOW_\w+/g) ?? [];
    const listed = tablesOf(sectionOf(writing, "What a script is given")).find(({ head }) => head[0] === "variable");
    expect(listed?.rows.map(([name = ""]) => codeIn(name)[0])).toEqual(set);
  });

  test("lists what the context has", async () => {
    let keys: string[] = [];
    const look = (_input: unknown, context: object): void => {
      keys = Object.keys(context);
    };
    await runPipeline(pipelineOf({ agents: ["look"] }), { look });
    const table = tablesOf(sectionOf(writing, "Modules")).find(({ head }) => head[0] === "context");
    const listed = table?.rows.flatMap(([cell = ""]) => codeIn(cell).map((code) => code.replace(/\(.*/, "")));
    expect(listed?.toSorted()).toEqual(keys.toSorted());
  });

  test("its test passes", async () => {
    const { code, shown } = await shellOf("docs/writing-agents.md").run("node --test words.test.ts");
    expect({ code, passed: /pass (\d+)/.exec(shown)?.[1] }).toEqual({ code: 0, passed: "1" });
  });
});

describe("docs/library.md", () => {
  const source = ["pipeline/pipeline", "pipeline/run", "pipeline/resume", "pipeline/rerun", "store/store"]
    .map((name) => readFileSync(join(root, `src/${name}.ts`), "utf8"))
    .join("\n");
  const members = (name: string): string[] => {
    const body = new RegExp(`export interface ${name} (?:extends \\w+ )?{\n([^]*?)\n}`).exec(source)?.[1] ?? "";
    return [...new Set([...body.matchAll(/^ {2}(?:readonly )?(\w+)[?:(]/gm)].map(([, member = ""]) => member))];
  };
  const rows = [
    { names: ["PipelineOptions", "World"], section: "Loading and defining", head: "option" },
    { names: ["Pipeline"], section: "Loading and defining", head: "member" },
    { names: ["RunOptions"], section: "Running", head: "option" },
    { names: ["Run"], section: "Running", head: "member" },
    { names: ["AgainOptions"], section: "Going on with a run", head: "option" },
    { names: ["PreparedRun"], section: "Going on with a run", head: "member" },
    { names: ["RerunOptions"], section: "Again from a stage", head: "option" },
    { names: ["Store"], section: "A store of your own", head: "member" },
  ];

  test.each(rows)("$section lists what $names has", ({ names: interfaces, section, head }) => {
    const table = tablesOf(sectionOf(library, section)).find((one) => one.head[0] === head);
    const listed = table?.rows.flatMap(([cell = ""]) => codeIn(cell).map((code) => code.replace(/\(.*/, ""))) ?? [];
    expect([...new Set(listed)].toSorted()).toEqual(interfaces.flatMap(members).toSorted());
  });

  test("lists everything that is exported", () => {
    const index = readFileSync(join(root, "src/index.ts"), "utf8");
    const exported = [...index.matchAll(/export (?:type )?{([^}]*)}/g)].flatMap(([, list = ""]) => list.match(/\w+/g) ?? []);
    const listed = codeIn(sectionOf(library, "Everything that is exported"));
    expect(listed.toSorted()).toEqual(exported.toSorted());
  });

  test("the examples in TypeScript have the right types", () => {
    const shell = shellOf("docs/library.md");
    const place = join(shell.folder, "types");
    const files = examples.filter((block) => block.language === "ts" && fileName(block) !== undefined);
    for (const block of files) {
      const target = join(place, dirname(block.page), fileName(block) ?? "");
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, block.text);
    }
    const compilerOptions = { paths: { agentflow: [join(root, "src/index.ts")] }, typeRoots: [join(root, "node_modules/@types")] };
    writeFileSync(join(place, "package.json"), `{ "type": "module" }`);
    writeFileSync(
      join(place, "tsconfig.json"),
      JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: ["**/*.ts"] }),
    );
    const { stdout } = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", place, "--pretty", "false"], {
      cwd: place,
      encoding: "utf8",
    });
    expect(files.length).toBeGreaterThan(4);
    expect(stdout.split("\n").filter((line) => line.startsWith("docs/"))).toEqual([]);
  });
});

describe("links", () => {
  test.each([...names, "ARCHITECTURE.md", "CHANGELOG.md"])("every link of %s leads somewhere", (name) => {
    const text = readFileSync(join(root, name), "utf8");
    const broken = linksOf(text).filter((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? join(root, name) : join(root, dirname(name), path);
      if (!existsSync(target)) return true;
      return anchor !== undefined && !headingsOf(readFileSync(target, "utf8")).some((heading) => heading.anchor === anchor);
    });
    expect(broken).toEqual([]);
  });
});

/** A part of a pipeline file as a whole one: the agents that it only names are canned, and a sequence runs them. */
function completed(text: string): string {
  const table = (value: unknown): Record<string, Json> => (typeof value === "object" && value !== null ? { ...value } : {});
  const list = (value: unknown): string[] => (typeof value === "string" ? [value] : Array.isArray(value) ? value.map(String) : []);
  const { data } = parseToml(text);
  const agents = table(data?.agents);
  const sequential = table(table(data?.orchestration).sequential);
  const groups = table(sequential.parallel);
  const branches = Array.isArray(sequential.branches) ? sequential.branches.map(table) : [];
  const members = Object.values(groups).flatMap((group) => list(table(group).agents));
  const spare = Object.values(agents).flatMap((agent) => [...list(table(agent).fallback), ...list(table(agent).extends)]);
  const targets = branches.flatMap((branch) => list(branch.to_agent));
  const sources = branches.flatMap((branch) => list(branch.from_agent));
  const sequence = sequential.agents === undefined ? [...Object.keys(agents), ...sources] : list(sequential.agents);
  const named = [...sequence, ...members, ...spare, ...targets, ...sources];
  const missing = new Set(named.filter((name) => agents[name] === undefined && groups[name] === undefined));
  const lines = [...missing].map((name) => `[agents.${name}]\ntype = "canned"\n`);
  if (sequential.agents === undefined) {
    const inside = [...new Set(sequence)].filter((name) => !members.includes(name) && !spare.includes(name));
    if (inside.length === 0) lines.push('[agents.any]\ntype = "canned"\n');
    lines.push(`[orchestration.sequential]\nagents = ${JSON.stringify(inside.length === 0 ? ["any"] : inside)}\n`);
  }
  return `${text}\n${lines.join("\n")}`;
}

/** Every key of the schema, the author's own names left out. */
function schemaKeys(schema: JsonObject): string[] {
  const keys = new Set<string>();
  const visit = (node: Json | undefined): void => {
    if (typeof node !== "object" || node === null) return;
    if (Array.isArray(node)) return node.forEach(visit);
    const { properties, allOf: _conditions, ...rest } = node as JsonObject;
    for (const [key, value] of Object.entries(properties ?? {})) {
      keys.add(key);
      visit(value as Json);
    }
    for (const value of Object.values(rest)) visit(value);
  };
  visit(schema);
  return [...keys];
}

/** The flags of every command, as its help lists them; those of the program itself under "". */
async function programFlags(): Promise<Map<string, string[]>> {
  const help = async (...words: string[]): Promise<string> => (await runProgram([...words, "--help"], { cwd: root })).stdout;
  const flagsIn = (text: string): string[] =>
    [...text.matchAll(/^ {2}(?:(-\w), )?(--[a-z-]+)/gm)].flatMap(([, short, long = ""]) => (short === undefined ? [long] : [short, long]));
  const program = await help();
  const list = /^Commands:\n([^]*?)\n\n/m.exec(program)?.[1] ?? "";
  const found = new Map([["", flagsIn(program)]]);
  for (const [, command = ""] of list.matchAll(/^ {2}(\w+)/gm)) {
    const text = await help(command);
    // Flags of the commands within are told in its section.
    const inner = [...(/^Commands:\n([^]*?)\n\n/m.exec(text)?.[1]?.matchAll(/^ {2}(\w+)/gm) ?? [])].map(([, name = ""]) => name);
    const more = await Promise.all(inner.map((name) => help(command, name)));
    found.set(command, [...new Set([text, ...more].flatMap(flagsIn))]);
  }
  return found;
}
