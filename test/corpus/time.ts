import type { Mistake } from "./corpus.ts";

/** Mistakes in time limits, waits and retries. */
export const TIME: readonly Mistake[] = [];

/** What the checks do not find yet; each with the code that it should have. */
export const TIME_LATER: readonly Mistake[] = [
  { file: "sales-report", replace: 'timeout = "60s"', by: 'timeout = «"10m"»', code: "timeout-too-long" },
  {
    file: "backup",
    replace: 'timeout = "3h"',
    by: 'timeout = "25m"',
    place: 'writes = ["dump"]\ntimeout = «"30m"»',
    code: "timeout-too-long",
  },
  { file: "incident", replace: 'timeout = "1m"', by: 'timeout = «"1h"»', code: "timeout-too-long" },
  { file: "etl-orders", replace: 'timeout = "20m"', by: 'timeout = «"5m"»', code: "time-limit-too-short" },
  { file: "deploy", replace: 'timeout = "1h"', by: 'timeout = «"30m"»', code: "time-limit-too-short" },
  { file: "blog-post", replace: 'timeout = "30m"', by: 'timeout = «"5m"»', code: "time-limit-too-short" },
  {
    file: "price-watch",
    replace: "[orchestration.sequential]",
    by: '[orchestration]\ntimeout = «"1h"»\n\n[orchestration.sequential]',
    code: "time-limit-too-short",
  },
  { file: "moderation", replace: "reply = { score = 50 }", by: "reply = { score = 50 }\n«retries» = 2", code: "pointless-retries" },
  { file: "weather", replace: "reply = { degrees = 15 }", by: "reply = { degrees = 15 }\n«retries» = 3", code: "pointless-retries" },
  { file: "backup", replace: 'timeout = "20m"\nretries = 2\n', by: 'timeout = "20m"\n', place: '«retry_delay» = "1m"', code: "no-effect" },
  { file: "invoices", replace: "retries = 1\n", by: "", place: "«retry_on»", code: "no-effect" },
];
