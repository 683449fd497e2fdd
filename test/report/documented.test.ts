import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { RunEventType, Stamped } from "../../src/engine/event.ts";
import { eventLine, resultLine } from "../../src/report/events.ts";
import { eventSamples, resultSample } from "./samples.ts";

/** The contracts that programs rely on: what the documentation says is what is printed, field by field. */

const docs = join(import.meta.dirname, "..", "..", "docs");
const eventDocs = sections("events.md");
const resultDocs = sections("result.md");
const samples = Object.entries(eventSamples) as [RunEventType, Stamped][];
const common = ["version", "seq", "at", "run_id", "type"];
const stageEntry = resultSample.stages[1];

describe("docs/events.md", () => {
  it.each(samples)("has a section, a table and an example for %s", (type, sample) => {
    const printed = JSON.parse(eventLine(sample)) as object;
    const section = eventDocs.get(`\`${type}\``);
    expect(exampleIn(section)).toEqual(printed);
    expect(fieldsIn(section)).toEqual(Object.keys(printed).filter((key) => !common.includes(key)));
  });

  it("has no section for an event that does not exist", () => {
    const types = [...eventDocs.keys()].filter((heading) => heading.startsWith("`")).map((heading) => heading.slice(1, -1));
    expect(types.toSorted()).toEqual(samples.map(([type]) => type).toSorted());
  });

  it.each([
    { heading: "Every event", keys: common },
    { heading: "Stage reference", keys: Object.keys(eventSamples["stage-start"].stage) },
    { heading: "Failure", keys: Object.keys(eventSamples["attempt-end"].failure ?? {}) },
    { heading: "Usage", keys: Object.keys(eventSamples["stage-end"].usage ?? {}) },
  ])("lists the fields under $heading", ({ heading, keys }) => {
    expect(fieldsIn(eventDocs.get(heading))).toEqual(keys);
  });

  it("names the fields of a rule", () => {
    for (const key of Object.keys(eventSamples.branch.rules[0] ?? {})) expect(eventDocs.get("`branch`")).toContain(`\`${key}\``);
  });
});

describe("docs/result.md", () => {
  it("shows a result", () => {
    expect(exampleIn(resultDocs.get("Example"))).toEqual(resultSample);
  });

  it.each([
    { heading: "Fields", keys: Object.keys(resultSample) },
    { heading: "An entry of `stages`", keys: Object.keys(stageEntry ?? {}) },
    { heading: "An entry of `attempts`", keys: Object.keys(stageEntry?.attempts[0] ?? {}) },
    { heading: "Run error", keys: Object.keys(resultSample.error ?? {}) },
    { heading: "Failure", keys: Object.keys(resultSample.error?.failure ?? {}) },
    { heading: "Usage", keys: Object.keys(resultSample.usage) },
  ])("lists the fields under $heading", ({ heading, keys }) => {
    expect(fieldsIn(resultDocs.get(heading))).toEqual(keys);
  });
});

describe("lines of NDJSON", () => {
  it("leave out the state and the input, and nothing else", () => {
    expect(eventLine(eventSamples["stage-end"])).toBe(
      '{"version":1,"seq":6,"at":"2026-03-01T06:00:05.000Z","run_id":"r-01JX","type":"stage-end","stage":{"name":"analyzer","number":2,"total":3,"visit":1,"group":null},"agent":"analyzer","attempt":2,"status":"succeeded","duration_ms":6120,"output":{"kind":"decline"},"failure":null,"usage":{"input_tokens":900,"output_tokens":120,"cost":null}}\n',
    );
  });

  it("stay one line, whatever is in the event", () => {
    const line = eventLine({ ...eventSamples.log, text: "a\nb\u2028c" });
    expect(line.indexOf("\n")).toBe(line.length - 1);
    expect(JSON.parse(line)).toEqual({ ...eventSamples.log, text: "a\nb\u2028c" });
  });

  it("end with the result, told from events by its type", () => {
    expect(JSON.parse(resultLine(resultSample))).toEqual({ type: "result", ...resultSample });
    expect(resultLine(resultSample)).toMatch(/^\{"type":"result","version":1,.*\}\n$/);
  });
});

/** The text under each heading of the second level. */
function sections(file: string): ReadonlyMap<string, string> {
  const [, ...parts] = readFileSync(join(docs, file), "utf8").split(/^## /m);
  return new Map(
    parts.map((part) => {
      const end = part.indexOf("\n");
      return [part.slice(0, end), part.slice(end)];
    }),
  );
}

function exampleIn(section = ""): unknown {
  const example = /```json\n([\s\S]*?)```/.exec(section)?.[1];
  return example === undefined ? undefined : JSON.parse(example);
}

function fieldsIn(section = ""): string[] {
  return [...section.matchAll(/^\| `([a-z_]+)` \|/gm)].map((match) => match[1] ?? "");
}
