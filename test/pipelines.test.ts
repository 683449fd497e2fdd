import { cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { type JsonObject, loadPipeline, type RunResult } from "../src/index.ts";
import { AGENT_KEYS_BY_TYPE } from "../src/spec/agent-keys.ts";
import type { AgentSpec, PipelineSpec } from "../src/spec/spec.ts";
import { type CannedServer, cannedServer } from "./support/canned-server.ts";
import { folderWith } from "./support/folder.ts";
import { programPath, runProgram } from "./support/program.ts";

/**
 * The shipped samples. Each runs in a copy of its folder, as `agentflow init` makes one, through the whole program; what it
 * ends with is compared with a file in cases/pipelines/ (`vitest run test/pipelines.test.ts -u` rewrites them).
 */
const PIPELINES = fileURLToPath(new URL("../pipelines", import.meta.url));
const FOLDERS = ["content", "etl", "ml", "research", "review", "starter", "support", "trio"];
/** Those whose stages ask models; each has an offline variant. */
const WITH_MODELS = ["content", "research", "review", "support", "trio"];
const WITH_KEY = { PATH: programPath(), OPENAI_API_KEY: "a-key-that-nobody-accepts" };

/** A fresh copy of a sample's folder. */
function copyOf(sample: string): string {
  const folder = folderWith({});
  cpSync(join(PIPELINES, sample), folder, { recursive: true });
  return folder;
}

/** Runs a sample through the whole program; the result is that of `--output result`. */
async function runSample(
  folder: string,
  file: string,
  inputs: readonly string[] = [],
): Promise<{ code: number; stderr: string; result: RunResult }> {
  const flags = inputs.flatMap((input) => ["--input", input]);
  const { code, stdout, stderr } = await runProgram(["run", file, "--output", "result", ...flags], { cwd: folder, ownStore: true });
  return { code, stderr, result: JSON.parse(stdout) as RunResult };
}

/** A value that has to be text. */
function text(value: unknown): string {
  if (typeof value !== "string") throw new Error(`expected a text, got ${JSON.stringify(value)}`);
  return value;
}

function expectedFile(name: string): string {
  return fileURLToPath(new URL(`cases/pipelines/${name}.expected.json`, import.meta.url));
}

/** What a golden file holds of a result: the way and the end. */
function ending({ path, state }: RunResult): string {
  return `${JSON.stringify({ path, state }, null, 2)}\n`;
}

describe("every sample", () => {
  const tomls = readdirSync(PIPELINES, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".toml"));

  test("has its file, and an offline variant where it asks models", () => {
    const offline = [...WITH_MODELS.map((name) => `${name}/offline.toml`), "ml/deploy.toml", "quickstart.toml"];
    expect(tomls.toSorted()).toEqual([...FOLDERS.map((name) => `${name}/agentflow.toml`), ...offline].toSorted());
  });

  test.each(tomls)("%s is valid, without a warning", async (file) => {
    const { code, stdout } = await runProgram(["validate", "--strict", "--format", "json", file], { cwd: PIPELINES, env: WITH_KEY });
    expect([code, (JSON.parse(stdout) as JsonObject).diagnostics]).toEqual([0, []]);
  });

  test.each(tomls)("%s names the schema that editors check it with", (file) => {
    const [first] = readFileSync(join(PIPELINES, file), "utf8").split("\n");
    expect(first).toBe(`#:schema ${file.includes("/") ? "../" : "./"}agentflow.schema.json`);
  });

  test("says in the first line of each file what it is, and of each pipeline how to run it", () => {
    const programs = readdirSync(PIPELINES, { recursive: true, encoding: "utf8" }).filter((file) => /\.m?[jt]s$/.test(file));
    const silent = [...tomls, ...programs].filter((file) => {
      const [first = ""] = readFileSync(join(PIPELINES, file), "utf8")
        .replace(/^#:schema .*\n/, "")
        .split("\n");
      return !(file.endsWith(".toml") ? /^# .*: .*agentflow run/ : /^\/\/ [A-Z].*(: |; the (stages?|hook|agent) )/).test(first);
    });
    expect(silent).toEqual([]);
  });
});

interface Case {
  readonly sentence: string;
  readonly sample: string;
  readonly file: string;
  readonly inputs?: readonly string[];
  /** Name of the golden file. */
  readonly expected: string;
}

const CASES: readonly Case[] = [
  { sentence: "starter: lists the open tasks", sample: "starter", file: "agentflow.toml", expected: "starter" },
  {
    sentence: "row 119: etl extracts, transforms, validates and loads; rejected rows are set aside",
    sample: "etl",
    file: "agentflow.toml",
    expected: "etl",
  },
  {
    sentence: "row 120: content fetches, parses, analyzes, enriches and publishes; a teaser is shortened until it fits",
    sample: "content",
    file: "offline.toml",
    expected: "content",
  },
  {
    sentence: "content: what is still too long after three times is cut",
    sample: "content",
    file: "offline.toml",
    inputs: ["limit=40"],
    expected: "content-cut",
  },
  {
    sentence: "row 121: ml collects, preprocesses, makes features, trains, evaluates, and deploys a good model",
    sample: "ml",
    file: "agentflow.toml",
    expected: "ml",
  },
  {
    sentence: "row 121: ml deploys nothing that is not good enough",
    sample: "ml",
    file: "agentflow.toml",
    inputs: ["accuracy=0.99"],
    expected: "ml-rejected",
  },
  {
    sentence: "row 122: research sends an answer back that cites what does not exist",
    sample: "research",
    file: "offline.toml",
    expected: "research",
  },
  {
    sentence: "research: what is still wrong after a correction stands in the report",
    sample: "research",
    file: "offline.toml",
    inputs: ["most=2"],
    expected: "research-unsure",
  },
  {
    sentence: "research: nothing is asked when nothing was found",
    sample: "research",
    file: "offline.toml",
    inputs: ["most=0"],
    expected: "research-nothing",
  },
  { sentence: "row 122: review collects remarks from rules and reviewers", sample: "review", file: "offline.toml", expected: "review" },
  {
    sentence: "review: a change that is too large is sent back at once",
    sample: "review",
    file: "offline.toml",
    inputs: ["most_lines=3"],
    expected: "review-too-large",
  },
  ...["article", "video", "image", "other"].map((ticket) => ({
    sentence: `row 56, 122: support switches on the content type; ${ticket}`,
    sample: "support",
    file: "offline.toml",
    inputs: [`file=tickets/${ticket}.json`],
    expected: `support-${ticket}`,
  })),
  { sentence: "row 49: the trio collects, analyses and writes", sample: "trio", file: "offline.toml", expected: "trio" },
];

describe("offline, through the whole program", () => {
  test.each(CASES)("$sentence", async ({ sample, file, inputs, expected }) => {
    const { code, result } = await runSample(copyOf(sample), file, inputs);
    expect({ code, status: result.status, warnings: result.warnings }).toEqual({ code: 0, status: "succeeded", warnings: [] });
    await expect(ending(result)).toMatchFileSnapshot(expectedFile(expected));
  });

  test("the fallback serves where the first model has no credit left", async () => {
    const served = async (sample: string, stage: string): Promise<unknown> => {
      const { result } = await runSample(copyOf(sample), "offline.toml");
      const found = result.stages.find(({ name }) => name === stage);
      return [found?.served_by, found?.attempts.map(({ agent, kind }) => [agent, kind])];
    };
    const expected = (stage: string): unknown => [
      `${stage}_elsewhere`,
      [
        [stage, "quota"],
        [`${stage}_elsewhere`, null],
      ],
    ];
    expect(await served("content", "analyze")).toEqual(expected("analyze"));
    expect(await served("review", "security")).toEqual(expected("security"));
  });
});

describe("what the samples leave behind", () => {
  test("row 114-118, 119: etl loads in one transaction, and a second run adds nothing", async () => {
    const folder = copyOf("etl");
    const first = await runSample(folder, "agentflow.toml");
    const second = await runSample(folder, "agentflow.toml");
    expect([first.result.state.added, second.result.state.added]).toEqual([5, 0]);
    using database = new DatabaseSync(join(folder, "out", "orders.db"));
    expect(database.prepare("SELECT number, date, customer, country, cents FROM orders").all()).toEqual(
      [
        { number: 1001, date: "2030-03-01", customer: "Ada", country: "GB", cents: 1990 },
        { number: 1002, date: "2030-03-01", customer: "Björn", country: "SE", cents: 125_000 },
        { number: 1003, date: "2030-03-02", customer: "Chen, Li", country: "CN", cents: 750 },
        { number: 1006, date: "2030-03-03", customer: "Fatima", country: "MA", cents: 31_025 },
        { number: 1008, date: "2030-03-04", customer: "Hana", country: "JP", cents: 8800 },
      ].map((row) => Object.assign(Object.create(null) as object, row)),
    );
    expect(JSON.parse(readFileSync(join(folder, "out", "rejected.json"), "utf8"))).toEqual(first.result.state.rejected);
  });

  test("row 119: etl loads nothing when too much is wrong, and says why", async () => {
    const folder = copyOf("etl");
    const { code, result } = await runSample(folder, "agentflow.toml", ["tolerance=0.2"]);
    expect({ code, message: result.error?.message, written: existsSync(join(folder, "out")) }).toEqual({
      code: 1,
      message:
        "stage 3 (validate) failed: 4 of 9 rows are rejected (such as line 5: the country is not a code of two letters); nothing is loaded",
      written: false,
    });
  });

  test("row 120: content writes the page", async () => {
    const folder = copyOf("content");
    const { result } = await runSample(folder, "offline.toml");
    const page = readFileSync(join(folder, text(result.state.page)), "utf8");
    expect(page.split("\n").slice(0, 8)).toEqual([
      "<!doctype html>",
      `<meta charset="utf-8">`,
      `<meta name="description" content="${text(result.state.teaser)}">`,
      `<meta name="keywords" content="film, tea, cup, water, skin">`,
      "<title>What tea leaves behind</title>",
      "<h1>What tea leaves behind</h1>",
      "<p>Hana Ito, <time>2030-03-04</time>, 1 min</p>",
      `<p><em>${text(result.state.teaser)}</em></p>`,
    ]);
  });

  test("row 121: ml deploys a file that its users can load, and leaves the old one where it rejects", async () => {
    const folder = copyOf("ml");
    await runSample(folder, "agentflow.toml");
    const file = join(folder, "out", "model.json");
    const model = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown[]>;
    expect([Object.keys(model), model.features]).toEqual([
      ["features", "scale", "weights", "bias"],
      ["km", "items", "rush_hour", "rain"],
    ]);
    const before = readFileSync(file, "utf8");
    const { result } = await runSample(folder, "agentflow.toml", ["accuracy=0.99"]);
    expect([result.state.deployed, readFileSync(file, "utf8") === before, readdirSync(join(folder, "out"))]).toEqual([
      false,
      true,
      ["model.json"],
    ]);
  });

  test("support files a draft, and its hook notes which way the ticket went", async () => {
    const folder = copyOf("support");
    const { result } = await runSample(folder, "offline.toml", ["file=tickets/video.json"]);
    expect(JSON.parse(readFileSync(join(folder, "out", "4712.json"), "utf8"))).toEqual({
      ticket: 4712,
      to: "Björn",
      team: "Streaming",
      person: "Emil",
      answer: result.state.answer,
    });
    const audit = readFileSync(join(folder, "out", "audit.ndjson"), "utf8")
      .trimEnd()
      .split("\n");
    expect(audit.map((line) => ({ ...(JSON.parse(line) as JsonObject), at: undefined }))).toEqual([
      { run: result.run_id, event: "branch", from: "classify", to: "video" },
      { run: result.run_id, event: "branch", from: "answer", to: "escalate" },
      { run: result.run_id, event: "after_run", status: "succeeded" },
    ]);
  });
});

/** The sample's own file, run with a model server that answers what the canned agents of its offline variant answer. */
async function runWithModels(
  sample: string,
  withoutCredit: readonly string[] = [],
  input: JsonObject = {},
): Promise<{ result: RunResult; requests: CannedServer["requests"] }> {
  const folder = copyOf(sample);
  const offline = await loadPipeline(join(folder, "offline.toml"));
  const { fetch, requests } = cannedServer(offline.plan, withoutCredit);
  const pipeline = await loadPipeline(join(folder, "agentflow.toml"), { env: WITH_KEY, fetch });
  return { result: await pipeline.run({ input }), requests };
}

describe("with models", () => {
  const rows = CASES.filter(({ sample, inputs }) => WITH_MODELS.includes(sample) && inputs === undefined);
  test.each(rows)("$sample ends as its offline variant does", async ({ sample, expected }) => {
    const { result } = await runWithModels(sample);
    const golden = readFileSync(expectedFile(expected), "utf8");
    expect(ending(result)).toBe(golden);
  });

  test("row 46, 47, 49: the trio asks with the temperatures and limits that it is known for", async () => {
    const { requests } = await runWithModels("trio");
    expect(requests.map(({ agent, body }) => [agent, body.model, body.temperature, body.max_tokens])).toEqual([
      ["collector", "gpt-4.1-mini", 0.3, 800],
      ["analyzer", "gpt-4.1-mini", 0.4, 1000],
      ["formatter", "gpt-4.1-mini", 0.2, 1200],
    ]);
  });

  test("row 50: the trio's prompts hold what the stages before them found", async () => {
    const { result, requests } = await runWithModels("trio");
    const prompts = requests.map(({ body }) => body.messages.at(-1)?.content ?? "");
    const offline = await loadPipeline(join(PIPELINES, "trio", "offline.toml"));
    const said = (agent: string): string => {
      const call = offline.plan.agents.get(agent)?.call;
      return call?.type === "canned" ? text(call.replies[0]) : "";
    };
    expect(prompts).toEqual([
      "Collect what is known on this topic: green roofs in cities",
      `Topic: green roofs in cities\n\nFacts:\n${said("collector")}`,
      `Write a report on green roofs in cities.\n\nFindings:\n${said("analyzer")}\n\nFacts:\n${said("collector")}`,
    ]);
    expect(result.state.report).toBe(said("formatter"));
  });

  test("research shows the model its own answer, and what is wrong with it", async () => {
    const { requests } = await runWithModels("research");
    const [, second] = requests.filter(({ agent }) => agent === "answer").map(({ body }) => body.messages.at(-1)?.content ?? "");
    expect(second?.slice(second.indexOf("Your last answer"))).toMatch(
      /^Your last answer was:\nIn the air, .*\n\nCorrect it: there is no text \[7\]\n$/,
    );
  });

  test("review goes on without one reviewer, and not without two", async () => {
    const one = await runWithModels("review", ["tests"]);
    const two = await runWithModels("review", ["tests", "correctness"]);
    const statuses = ({ result }: { result: RunResult }): unknown =>
      result.stages.filter(({ group }) => group === "reviewers").map(({ name, status }) => [name, status]);
    expect([one.result.status, statuses(one)]).toEqual([
      "succeeded",
      [
        ["correctness", "succeeded"],
        ["security", "succeeded"],
        ["tests", "failed"],
      ],
    ]);
    expect([two.result.status, two.result.error?.stage]).toEqual(["failed", "reviewers"]);
  });

  test("support answers without a model too", async () => {
    const { result } = await runWithModels("support", ["mood", "answer"], { file: "tickets/article.json" });
    expect([result.status, result.state.answer, result.stages.map(({ name, status, served_by: by }) => [name, status, by])]).toEqual([
      "succeeded",
      "Dear Ada, thank you for your message. Our team Editors will do the following: Thank for the hint; Say which text is right; Say when the article will be corrected.",
      [
        ["read", "succeeded", "read"],
        ["classify", "succeeded", "classify"],
        ["article", "succeeded", "article"],
        ["mood", "tolerated", "mood"],
        ["answer", "succeeded", "standard_answer"],
        ["file_away", "succeeded", "file_away"],
      ],
    ]);
  });
});

describe("an offline variant", () => {
  const LLM_KEYS: ReadonlySet<string> = new Set(AGENT_KEYS_BY_TYPE.llm);
  const CANNED_KEYS: ReadonlySet<string> = new Set(AGENT_KEYS_BY_TYPE.canned);

  test.each(WITH_MODELS)("of %s differs from its pipeline in what the models are, and in nothing else", async (sample) => {
    const specs = ["agentflow.toml", "offline.toml"].map(
      async (file) => (await loadPipeline(join(PIPELINES, sample, file))).plan.source.spec,
    );
    const [online, offline] = (await Promise.all(specs)) as [PipelineSpec, PipelineSpec];
    const models = Object.entries(effective(online)).flatMap(([name, { type }]) => (type === "llm" ? [name] : []));
    const canned = Object.entries(effective(offline)).flatMap(([name, { type }]) => (type === "canned" ? [name] : []));
    expect(models.length).toBeGreaterThan(0);
    expect(canned).toEqual(models);
    expect(withoutModels(offline, CANNED_KEYS)).toEqual(withoutModels(online, LLM_KEYS));
  });

  /** The agents with the keys that they take over. */
  function effective({ agents = {} }: PipelineSpec): Record<string, AgentSpec> {
    const resolve = (name: string): AgentSpec => {
      const { extends: base, ...own } = agents[name] ?? {};
      return base === undefined ? own : { ...resolve(base), ...own };
    };
    return Object.fromEntries(Object.keys(agents).map((name) => [name, resolve(name)]));
  }

  function withoutModels(spec: PipelineSpec, foreign: ReadonlySet<string>): unknown {
    const without = (table: object): object => Object.fromEntries(Object.entries(table).filter(([key]) => !foreign.has(key)));
    const agents = Object.entries(effective(spec)).map(([name, agent]) => {
      const isModel = agent.type === "llm" || agent.type === "canned";
      return [name, isModel ? { ...without(agent), type: "model" } : agent];
    });
    return { ...spec, agents: Object.fromEntries(agents), defaults: without({ ...spec.defaults }) };
  }
});
