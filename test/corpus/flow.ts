import type { Mistake } from "./corpus.ts";

/** Mistakes in the sequence, in branches, groups and rollbacks. */
export const FLOW: readonly Mistake[] = [
  {
    file: "support-triage",
    replace: '[[orchestration.sequential.branches]]\nfrom_agent = "classify"\ncondition = "topic == \'error\'"\n',
    by: '«[[orchestration.sequential.branches]]»\nfrom_agent = "classify"\n',
    code: "branch-after-otherwise",
  },
  {
    file: "moderation",
    replace: 'condition = "score > 80"\nto_agent',
    by: "to_agent",
    place: '«[[orchestration.sequential.branches]]»\nfrom_agent = "judge"\nto_agent',
    code: "branch-after-otherwise",
  },
  {
    file: "price-watch",
    replace: '[[orchestration.sequential.branches]]\nfrom_agent = "wait"\ncondition = "stages.look.visits < 100"\n',
    by: '«[[orchestration.sequential.branches]]»\nfrom_agent = "wait"\n',
    code: "branch-after-otherwise",
  },
  {
    file: "blog-post",
    replace: '[[orchestration.sequential.branches]]\nfrom_agent = "review"\ncondition = "!good"\nto_agent = "draft"\nmax_times = 3',
    by: '«[[orchestration.sequential.branches]]»\nfrom_agent = "review"\ncondition = "!good"\nto_agent = "draft"',
    code: "missing-max-times",
  },
  {
    file: "quiz",
    replace:
      '[[orchestration.sequential.branches]]\nfrom_agent = "mark"\ncondition = "guessed > count / 2 && stages[\'ask\'].visits < 3"\nto_agent = "ask"\nmax_times = 2',
    by: '«[[orchestration.sequential.branches]]»\nfrom_agent = "mark"\ncondition = "guessed > count / 2 && stages[\'ask\'].visits < 3"\nto_agent = "ask"',
    code: "missing-max-times",
  },
  {
    file: "price-watch",
    replace: 'to_agent = "look"\nmax_times = 100',
    by: 'to_agent = "look"',
    place: '«[[orchestration.sequential.branches]]»\nfrom_agent = "wait"\ncondition',
    code: "missing-max-times",
  },
  {
    file: "support-triage",
    replace: 'from_agent = "answer"\ncondition = "urgent"\nto_agent = "escalate"',
    by: 'from_agent = "answer"\ncondition = "urgent"\nto_agent = "answer"\n\n[[orchestration.sequential.branches]]\nfrom_agent = "answer"\nto_agent = "escalate"',
    place: '«[[orchestration.sequential.branches]]»\nfrom_agent = "answer"\ncondition',
    code: "missing-max-times",
  },
  {
    file: "log-analysis",
    replace: 'condition = "fresh == []"\nend = true',
    by: 'condition = "fresh == []"\nto_agent = "lines"',
    place: "«[[orchestration.sequential.branches]]»",
    code: "missing-max-times",
  },
  {
    file: "inline-tables",
    replace: '{ from_agent = "fetch", condition = "size(links) > 100 && !deep", end = true }',
    by: '«{ from_agent = "fetch", condition = "size(links) > 100 && !deep", to_agent = "fetch" }»',
    code: "missing-max-times",
  },
  {
    file: "code-review",
    replace: 'from_agent = "judge"',
    by: 'from_agent = «"style"»',
    place: 'from_agent = «"style"»',
    code: "branch-in-group",
  },
  { file: "incident", replace: 'from_agent = "ticket"\ncondition', by: 'from_agent = «"graphs"»\ncondition', code: "branch-in-group" },
  { file: "data-quality", replace: 'from_agent = "stop"', by: 'from_agent = «"ranges"»', code: "branch-in-group" },
  { file: "glossary", replace: "[agents.last]", by: '[agents.last]\n«drop» = ["chapters"]', code: "prune-in-group" },
  {
    file: "ticket-summary",
    replace: 'output = { summary = "result.trim()" }',
    by: 'output = { summary = "result.trim()" }\n«keep» = ["summary"]',
    code: "prune-in-group",
  },
  { file: "moderation", replace: 'from_agent = "ask"\nend = true', by: 'from_agent = «"unsure"»\nend = true', code: "unreached-branch" },
  {
    file: "backup",
    replace: "[orchestration.sequential.pipeline]",
    by: '[[orchestration.sequential.branches]]\nfrom_agent = «"remove"»\nend = true\n\n[orchestration.sequential.pipeline]',
    code: "unreached-branch",
  },
  {
    file: "etl-orders",
    replace: 'stdout = "text"\nretries = 5',
    by: 'stdout = "text"\n«output» = "unloaded"\nretries = 5',
    code: "no-effect",
  },
  { file: "invoices", replace: "[agents.cancel]\n", by: '[agents.cancel]\n«writes» = ["cancelled"]\n', code: "no-effect" },
  { file: "backup", replace: "[agents.remove]\n", by: '[agents.remove]\n«on_error» = "continue"\n', code: "no-effect" },
  { file: "audited-transfer", replace: "[agents.give-back]\n", by: '[agents.give-back]\n«keep» = ["amount"]\n', code: "no-effect" },
  {
    file: "survey",
    replace: "[orchestration.sequential]",
    by: '[orchestration.sequential.pipeline]\n«rollback» = "manual"\n\n[orchestration.sequential]',
    code: "no-effect",
  },
  {
    file: "load-test",
    replace: '[orchestration.sequential.parallel.mixed]\nagents = ["slow", "flaky", "broken"]',
    by: '[orchestration.sequential.parallel.pair]\nagents = ["slow", "flaky"]\n\n[orchestration.sequential.parallel.mixed]\nagents = [«"pair"», "broken"]',
    code: "group-in-group",
  },
  {
    file: "release-notes",
    replace: 'from_agent = "commits"\ncondition = "size(commits) == 0"\nto_agent = "nothing"',
    by: 'from_agent = "commits"\nto_agent = "nothing"',
    place: 'agents = ["commits", «"group"», "write"]',
    code: "unreachable-stage",
  },
  { file: "etl-orders", replace: 'condition = "size(rejected) > 0"', by: 'condition = «"true"»', code: "constant-condition" },
  { file: "incident", replace: "condition = \"severity == 'low'\"", by: "condition = «\"'low' == 'high'\"»", code: "constant-condition" },
  {
    file: "code-review",
    replace: "condition = \"verdict == 'approve' && !strict\"\n",
    by: "",
    place: 'agents = ["read", "reviewers", "judge", «"post"»]',
    code: "unreachable-stage",
  },
  { file: "invoices", replace: "amount > limit", by: "«currency == 'GBP'»", code: "constant-condition" },
  {
    file: "incident",
    replace: "severity == 'low'",
    by: "severity == 'low' && «stages.facts.status == 'success'»",
    code: "constant-condition",
  },
  {
    file: "onboarding",
    replace: 'parallel.rest]\nagents = ["team", "laptop"]',
    by: 'parallel.rest]\nagents = [«"rest"», "laptop"]',
    code: "group-in-group",
  },
  { file: "contract-check", replace: 'to_agent = "lawyer"', by: 'to_agent = «"clauses"»', code: "branch-in-group" },
];

/** What the checks do not find yet; each with the code that it should have. */
export const FLOW_LATER: readonly Mistake[] = [
  {
    file: "support-triage",
    replace: "condition = \"topic == 'error'\"",
    by: "condition = «\"topic == 'invoice'\"»",
    code: "constant-condition",
  },
];
