import type { Json } from "./json.ts";

/**
 * Right values for every key of the file, by the table's header and the key, as `tableKeys()` names them.
 *
 * They stand apart from the keys and their descriptions, since only editors read them, and every start of the program would load them.
 */
export const EXAMPLES: Readonly<Record<string, Readonly<Record<string, readonly Json[]>>>> = examples();

function examples(): Record<string, Record<string, readonly Json[]>> {
  const retry = {
    timeout: ["30s", "5m", "none"],
    retries: [2, 5],
    retry_delay: ["500ms", "2s"],
    retry_backoff: [1, 1.5],
    retry_max_delay: ["30s", "5m"],
    retry_jitter: [false],
    retry_on: [["timeout", "connection"], ["rate_limit"]],
    on_error: ["continue"],
  };
  const model = {
    provider: ["openai", "ollama"],
    model: ["gpt-5-mini", "llama3.2"],
    temperature: [0, 0.7],
    max_tokens: [500, 4096],
  };
  return {
    "": {
      name: ["sales-report"],
      description: ["Collects the sales of a week and writes a report"],
      secrets: [{ env: ["DATABASE_URL"] }],
      inputs: [{ topic: { type: "string", description: "what to write about" } }],
      defaults: [{ timeout: "2m", retries: 2, model: "gpt-5-mini" }],
      agents: [{ collect: { type: "script", command: ["node", "collect.mjs"] } }],
      providers: [{ local: { base_url: "http://localhost:8080/v1" } }],
      orchestration: [{ timeout: "1h", sequential: { agents: ["collect", "write"] } }],
      hooks: [[{ on: "stage_error", command: ["node", "tell.mjs"] }]],
    },
    "[secrets]": { env: [["DATABASE_URL"], ["DATABASE_URL", "MAIL_PASSWORD"]] },
    "[inputs.NAME]": {
      type: ["string", "integer", "list"],
      required: [false],
      default: ["may.csv", 3, ["a", "b"]],
      enum: [["short", "long"]],
      description: ["the file to read"],
    },
    "[defaults]": { ...retry, ...model },
    "[agents.NAME]": {
      type: ["script", "llm", "module", "canned", "pipeline"],
      description: ["Reads the orders of a day"],
      extends: ["writer"],
      input: [{ text: "articles[0].body", limit: "3" }],
      output: ["report", { title: "result.title", words: "size(result.words)" }],
      writes: [["rows", "total"]],
      keep: [["report"]],
      drop: [["raw_pages"]],
      ...retry,
      fallback: ["small-model"],
      rollback: ["remove-upload"],
      circuit_breaker: [{ max_failures: 5, reset_after: "1m" }],
      command: [
        ["node", "collect.mjs"],
        ["python3", "report.py", "--topic", "${{ topic }}"],
      ],
      shell: ["sort -u | head -n 20"],
      cwd: ["scripts"],
      env: [{ TOPIC: "${{ topic }}", API_TOKEN: "${{ env.API_TOKEN }}" }],
      stdin: ["none"],
      stdout: ["text", "lines"],
      max_output: ["512KB", "50MB"],
      ...model,
      system_prompt: ["You write for people in a hurry."],
      prompt: ["Write a report about ${{ topic }} from these facts: ${{ facts }}"],
      prompt_file: ["prompts/report.md"],
      top_p: [0.9],
      seed: [7],
      stop: [["END"]],
      module: ["./score.ts"],
      reply: [{ text: "Tea is a drink made from leaves." }, "a plain answer"],
      replies: [["first draft", "second draft"]],
      delay: ["200ms"],
      fail: ["timeout", "rate_limit"],
      fail_times: [2],
      file: ["deploy.toml"],
    },
    "[agents.NAME.circuit_breaker]": { max_failures: [3, 5], reset_after: ["30s", "5m"] },
    "[providers.NAME]": {
      base_url: ["http://localhost:8080/v1", "https://models.example.com/v1"],
      api_key_env: ["EXAMPLE_API_KEY"],
      headers: [{ "X-Team": "reports", Authorization: "Bearer ${{ env.GATEWAY_TOKEN }}" }],
      max_tokens_field: ["max_tokens"],
    },
    "[orchestration]": {
      mode: ["sequential"],
      timeout: ["30m", "2h"],
      sequential: [{ agents: ["collect", "write", "check"] }],
    },
    "[orchestration.sequential]": {
      agents: [["collect", "write", "check"]],
      pipeline: [{ fail_fast: false }],
      parallel: [{ reviews: { agents: ["style", "security"] } }],
      branches: [[{ from_agent: "check", condition: "score < 7", to_agent: "write", max_times: 2 }]],
    },
    "[orchestration.sequential.pipeline]": {
      fail_fast: [false],
      checkpoint_frequency: [0, 5],
      save_intermediate_results: [false],
      compress_above: ["64KB"],
      rollback: ["manual"],
    },
    "[orchestration.sequential.parallel.NAME]": {
      agents: [["style", "security"]],
      max_concurrency: [2],
      merge: ["namespace", "prefix"],
      on_error: ["continue"],
      min_success: [2],
    },
    "[[orchestration.sequential.branches]]": {
      from_agent: ["check"],
      condition: ["score < 7", 'kind == "invoice" && size(rows) > 0'],
      to_agent: ["write"],
      end: [true],
      max_times: [2],
    },
    "[[hooks]]": {
      name: ["tell the team"],
      on: ["after_run", ["stage_error", "retry"]],
      agents: [["write"]],
      command: [["node", "tell.mjs"]],
      module: ["./tell.ts"],
      timeout: ["5s"],
    },
  };
}
