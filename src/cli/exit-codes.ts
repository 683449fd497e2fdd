import type { StoreErrorCode } from "../store/store.ts";

/** Why the program ended. Documented in `--help` and docs/command-line.md. */
export const EXIT = {
  /** The run succeeded; the files are valid. */
  ok: 0,
  /** The run failed; `validate` found problems; what came out could not be written. */
  failed: 1,
  /** Wrong usage, an invalid pipeline, a bad input: nothing was run. */
  usage: 2,
  /** A bug in agentflow. */
  bug: 70,
  /** The store cannot be read or written: stopped at once, nothing more was run. */
  store: 74,
  /** The pipeline's timeout. */
  timedOut: 124,
  SIGHUP: 129,
  SIGINT: 130,
  SIGTERM: 143,
} as const;

/** What a command ends with that the store did not let through. */
export function storeExitCode(code: StoreErrorCode): number {
  switch (code) {
    case "unknown":
    case "exists":
    case "owned":
    case "version":
      return EXIT.usage;
    case "taken-over":
    case "damaged":
    case "unavailable":
      return EXIT.store;
  }
}

export const EXIT_CODES_HELP = `
Exit codes:
  0    the run succeeded; the files are valid
  1    the run failed; validate found problems; what came out could not be written
  2    wrong usage, an invalid pipeline, a bad input: nothing was run
  70   a bug in agentflow
  74   the store cannot be read or written: stopped at once, nothing more was run
  124  the pipeline's timeout
  129, 130, 143  stopped by SIGHUP, SIGINT (Ctrl-C), SIGTERM
`;
