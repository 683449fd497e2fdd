import type { Mistake } from "./corpus.ts";

/** Mistakes from which much follows: one message all the same. */
export const CASCADES: readonly Mistake[] = [
  { file: "backup", replace: 'rollback = "remove"', by: 'rollback = «"frobnicate"»', code: "unknown-agent" },
  { file: "backup", replace: 'rollback = "remove"\n', by: "", place: "[agents.«remove»]", code: "unreached-agent" },
  { file: "backup", replace: 'rollback = "unlock"', by: 'rollback = «"lock"»', code: "rollback-cycle" },
  { file: "backup", replace: "[agents.dump]", by: "[«agent».dump]", code: "unknown-key" },
  { file: "backup", replace: "[agents.lock]", by: "[«agetns».lock]", code: "unknown-key" },
  { file: "backup", replace: '"lock", "dump", ', by: '"lock", ', place: "[agents.«dump»]", code: "unreached-agent" },
  {
    file: "backup",
    replace: '"lock", "dump", ',
    by: '"lock", "lock", ',
    place: 'agents = ["lock", «"lock"», "pack"',
    code: "duplicate-name",
  },
  { file: "translation", replace: "sequential.parallel.languages]", by: "sequential.«group».languages]", code: "unknown-key" },
  { file: "translation", replace: "sequential.branches]]", by: "sequential.«branch»]]", code: "unknown-key" },
  { file: "translation", replace: 'to_agent = "complain"', by: 'to_agent = «"german"»', code: "branch-in-group" },
  {
    file: "translation",
    replace: 'to_agent = "complain"\n',
    by: "",
    place: "«[[orchestration.sequential.branches]]»",
    code: "missing-key",
  },
  { file: "translation", replace: '"german", "french"]', by: '"german", «"languages"»]', code: "group-in-group" },
  {
    file: "translation",
    replace: '["languages", "compare"]',
    by: '["languages"]',
    place: 'from_agent = «"compare"»',
    code: "unreached-branch",
  },
  { file: "translation", replace: 'model = "gpt-5"\n', by: "", place: "[agents.«japanese»]", code: "missing-key" },
  {
    file: "translation",
    replace: 'writes = ["complete", "missing"]\n',
    by: "",
    place: "[agents.«compare»]",
    code: "undeclared-writes",
  },
  { file: "translation", replace: 'condition = "!complete"', by: "condition = «3»", code: "wrong-type" },
  { file: "deploy", replace: 'file = "parts/rollout.toml"\n', by: "", place: "[agents.«roll-out»]", code: "missing-key" },
  { file: "ml-train", replace: "reset_after =", by: "«reset» =", code: "unknown-key" },
  { file: "moderation", replace: "max_failures = 5", by: "«trips» = 5", code: "unknown-key" },
  { file: "load-test", replace: "reply = { a = 1 }", by: 'reply = «"a"»', code: "missing-key" },
  { file: "job-applications", replace: '"agents/decline.mjs"', by: '«"agents/declin.mjs"»', code: "missing-file" },
  { file: "survey", replace: 'keep = ["report", ', by: 'keep = [«"reprot"», ', code: "unknown-variable" },
  {
    file: "data-quality",
    replace: 'type = "module"\nmodule = "agents/nulls.mjs"',
    by: 'type = "module"\n«command» = ["node", "agents/nulls.mjs"]\nstdin = "none"',
    code: "wrong-type-key",
  },
  { file: "data-quality", replace: 'to_agent = "quarantine"', by: 'to_agent = "quarantine"\n«end» = true', code: "exclusive-keys" },
  { file: "translation", replace: 'from_agent = "compare"', by: '«from» = "compare"', code: "unknown-key" },
  { file: "translation", replace: 'to_agent = "complain"', by: '«to» = "complain"', code: "unknown-key" },
  { file: "translation", replace: "[orchestration.sequential]\n", by: "[orchestration.«sequental»]\n", code: "unknown-key" },
  // Tables with the wrong header.
  {
    file: "translation",
    replace: "[[orchestration.sequential.branches]]",
    by: "«[orchestration.sequential.branches]»",
    code: "wrong-type",
  },
  {
    file: "survey",
    replace: `[[orchestration.sequential.branches]]
from_agent = "numbers"
condition = "kept < 10 || kept * 2 < given"
to_agent = "too-few"

[[orchestration.sequential.branches]]`,
    by: `«[orchestration.sequential.branches]»
from_agent = "numbers"
condition = "kept < 10 || kept * 2 < given"
to_agent = "too-few"

[orchestration.sequential.branches]`,
    code: "duplicate-key",
  },
  { file: "backup", replace: "[agents.lock]", by: "[[agents.«lock»]]", code: "wrong-type" },
  { file: "backup", replace: "[agents.lock]", by: "[orchestration.«agents».lock]", code: "unknown-key" },
  { file: "translation", replace: "orchestration.sequential.parallel.", by: "orchestration.«parallel».", code: "unknown-key" },
  { file: "translation", replace: "[[orchestration.sequential.branches]]", by: "[[orchestration.«branches»]]", code: "unknown-key" },
  {
    file: "backup",
    replace: '[orchestration.sequential]\nagents = ["lock", "dump", "pack", "upload", "release"]\n',
    by: `[[orchestration.sequential.branches]]
from_agent = "upload"
condition = "has(state.object)"
to_agent = "release"
«agents» = ["lock", "dump", "pack", "upload", "release"]
`,
    code: "unknown-key",
  },
];
