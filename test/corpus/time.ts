import type { Mistake } from "./corpus.ts";

/** Mistakes in time limits, waits and retries. */
export const TIME: readonly Mistake[] = [
  // Timeouts that never fire.
  { file: "sales-report", replace: 'timeout = "60s"', by: 'timeout = «"10m"»', code: "timeout-above-pipeline" },
  {
    file: "backup",
    replace: 'timeout = "3h"',
    by: 'timeout = "25m"',
    place: 'writes = ["dump"]\ntimeout = «"30m"»',
    code: "timeout-above-pipeline",
  },
  { file: "incident", replace: 'timeout = "1m"', by: 'timeout = «"1h"»', code: "timeout-above-pipeline" },
  { file: "blog-post", replace: 'timeout = "90s"', by: 'timeout = «"2h"»', code: "timeout-above-pipeline" },
  {
    file: "knowledge-base",
    replace: 'file = "parts/search.toml"',
    by: 'file = "parts/search.toml"\ntimeout = «"10m"»',
    code: "timeout-above-pipeline",
  },
  // Stages and runs that may not end in time.
  {
    file: "etl-orders",
    replace: 'timeout = "20m"',
    by: 'timeout = "5m"',
    place: 'retries = «3»\nretry_delay = "5s"',
    code: "worst-case-above-timeout",
  },
  {
    file: "price-watch",
    replace: "[orchestration.sequential]",
    by: '[orchestration]\ntimeout = «"1h"»\n\n[orchestration.sequential]',
    code: "worst-case-above-timeout",
  },
  { file: "deploy", replace: 'timeout = "1h"', by: 'timeout = «"20m"»', code: "worst-case-above-timeout" },
  { file: "blog-post", replace: 'timeout = "30m"', by: 'timeout = «"5m"»', code: "worst-case-above-timeout" },
  { file: "support-triage", replace: 'timeout = "10m"', by: 'timeout = «"2m"»', code: "worst-case-above-timeout" },
  { file: "incident", replace: "retries = 5", by: "retries = «50»", code: "worst-case-above-timeout" },
  // Waits.
  {
    file: "backup",
    replace: 'retry_max_delay = "5m"',
    by: 'retry_max_delay = "30s"',
    place: 'retry_delay = «"1m"»',
    code: "capped-delay",
  },
  { file: "support-triage", replace: 'retry_delay = "2s"', by: 'retry_delay = «"2m"»', code: "capped-delay" },
  { file: "log-analysis", replace: 'retry_delay = "10s"', by: 'retry_delay = «"90s"»', code: "capped-delay" },
  // Retries for what never happens.
  { file: "etl-orders", replace: '["exit", "timeout"]', by: '["exit", «"rate_limit"»]', code: "pointless-retry" },
  { file: "nightly-sync", replace: '"exit", "signal"]', by: '"exit", «"connection"»]', code: "pointless-retry" },
  {
    file: "invoices",
    replace: '"rate_limit", "server_error"]',
    by: '«"exit"», "rate_limit", "server_error"]',
    code: "pointless-retry",
  },
  // Keys that do nothing beside the others.
  { file: "backup", replace: 'timeout = "20m"\nretries = 2\n', by: 'timeout = "20m"\n', place: '«retry_delay» = "1m"', code: "no-effect" },
  { file: "invoices", replace: "retries = 1\n", by: "", place: "«retry_on»", code: "no-effect" },
  { file: "invoices", replace: "retries = 1\n", by: "retries = 1\n«retry_backoff» = 3\n", code: "no-effect" },
  { file: "load-test", replace: 'retry_delay = "0s"', by: 'retry_delay = "0s"\n«retry_jitter» = false', code: "no-effect" },
];

/** What the checks do not find yet; each with the code that it should have. */
export const TIME_LATER: readonly Mistake[] = [];
