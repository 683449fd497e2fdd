import type { Mistake } from "./corpus.ts";

/** What the machine lacks, files that are not there, secrets in the file. */
export const ENVIRONMENT_MISTAKES: readonly Mistake[] = [
  { file: "gateway", replace: 'prompt_file = "prompts/summary.md"', by: 'prompt_file = «"prompts/sumary.md"»', code: "unreadable-file" },
  { file: "knowledge-base", replace: 'prompt_file = "prompts/answer.md"', by: 'prompt_file = «"prompts"»', code: "unreadable-file" },
  { file: "knowledge-base", replace: 'file = "parts/search.toml"', by: 'file = «"search.toml"»', code: "unreadable-file" },
  { file: "ml-train", replace: 'file = "parts/rollout.toml"', by: 'file = «"parts"»', code: "unreadable-file" },
  { file: "support-triage", replace: 'module = "agents/classify.mjs"', by: 'module = «"agents/clasify.mjs"»', code: "missing-file" },
  { file: "support-triage", replace: 'module = "agents/classify.mjs"', by: 'module = «"agents"»', code: "missing-file" },
  { file: "audited-transfer", replace: 'module = "agents/alarm.mjs"', by: 'module = «"hooks/alarm.mjs"»', code: "missing-file" },
  { file: "deploy", replace: 'cwd = "."', by: 'cwd = «"service"»', code: "missing-file" },
  { file: "deploy", replace: 'cwd = "."', by: 'cwd = «"smallest.toml"»', code: "missing-file" },
  { file: "code-review", replace: 'command = ["cat", "${{ diff }}"]', by: 'command = [«"caat"», "${{ diff }}"]', code: "missing-program" },
  { file: "price-watch", replace: 'command = ["sleep", "600"]', by: 'command = [«"./wait.sh"», "600"]', code: "missing-program" },
  { file: "price-watch", replace: 'command = ["sleep", "600"]', by: 'command = [«"agents/score.mjs"», "600"]', code: "missing-program" },
  { file: "price-watch", replace: 'command = ["sleep", "600"]', by: 'command = [«"./agents"», "600"]', code: "missing-program" },
  {
    file: "load-test",
    replace: 'command = ["node", "agents/audit.mjs", "watch.ndjson"]',
    by: 'command = [«"notify-sendd"», "watch"]',
    code: "missing-program",
  },
  { file: "wide-characters", replace: '"node", "agents/notify.mjs", "チーム', by: '«"通知"», "チーム', code: "missing-program" },
  { file: "gateway", replace: 'api_key_env = "GATEWAY_KEY"', by: 'api_key_env = «"GATEWAY_TOKEN"»', code: "unset-variable" },
  { file: "gateway", replace: "${{ env.TEAM }}", by: "${{ env.«TEAM_NAME» }}", code: "unset-variable" },
  {
    file: "log-analysis",
    replace: 'env.DIRECTORY = "${{ directory }}"',
    by: 'env.DIRECTORY = "${{ env.«LOGS» }}/${{ directory }}"',
    code: "unset-variable",
  },
  { file: "deploy", replace: 'CI = "true"', by: "CI = \"${{ env[«'CI_SERVER'»] }}\"", code: "unset-variable" },
  { file: "smallest", replace: "[agents.greet]", by: "«# agentflow-ignore unknown-key: it is new»\n[agents.greet]", code: "unused-ignore" },
  { file: "smallest", replace: "[agents.greet]", by: "«# agentflow-ignore unreached-agent»\n[agents.greet]", code: "invalid-ignore" },
  // Secrets.
  {
    file: "deploy",
    replace: 'CI = "true"',
    by: 'API_KEY = "«sk-proj-abcdefghijklmnopqrstuvwxyz0123456789»"',
    code: "secret-in-file",
  },
  {
    file: "gateway",
    replace: 'X-Purpose = "documents"',
    by: 'Authorization = "Bearer «sk-proj-abcdefghijklmnopqrstuvwxyz0123456789»"',
    code: "secret-in-file",
  },
  {
    file: "release-notes",
    replace: "| head -n 200'",
    by: "| head -n 200 # «ghp_0123456789abcdefghijklmnopqrstuvwxyzAB»'",
    code: "secret-in-file",
  },
  // What is no program, and what is no path.
  { file: "price-watch", replace: 'command = ["sleep", "600"]', by: 'command = [«"cat facts.json"»]', code: "missing-program" },
  { file: "price-watch", replace: 'command = ["sleep", "600"]', by: 'command = [«"cd"», "data", "&&", "ls"]', code: "missing-program" },
  { file: "price-watch", replace: 'command = ["sleep", "600"]', by: 'command = [«"tools\\tidy.exe"», "600"]', code: "missing-program" },
  { file: "deploy", replace: 'cwd = "."', by: 'cwd = «"C:\\temp\\new"»', code: "missing-file" },
  { file: "support-triage", replace: 'module = "agents/classify.mjs"', by: 'module = «"agents\\new.mjs"»', code: "missing-file" },
  { file: "gateway", replace: 'prompt_file = "prompts/summary.md"', by: 'prompt_file = «"prompts\\new.md"»', code: "unreadable-file" },
  // A comment that silences, written with a capital letter.
  { file: "smallest", replace: "[agents.greet]", by: "«# Agentflow-Ignore unreached-agent»\n[agents.greet]", code: "invalid-ignore" },
  // Scripts that an interpreter is to run.
  { file: "incident", replace: '"agents/ticket.mjs"', by: '«"agents/open-ticket.mjs"»', code: "missing-file" },
  { file: "deploy", replace: '"agents/smoke.mjs", "${{', by: '"--no-warnings", «"smoke-test.mjs"», "${{', code: "missing-file" },
  { file: "release-notes", replace: '"node", "agents/write.mjs"', by: '"sh", «"scripts/write.sh"»', code: "missing-file" },
];

/** What the checks do not find yet; each with the code that it should have. */
export const ENVIRONMENT_LATER: readonly Mistake[] = [];
