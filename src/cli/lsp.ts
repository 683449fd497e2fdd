import { Writable } from "node:stream";
import { EXIT } from "./exit-codes.ts";
import { type Io, type Output, type StopReason, UsageError } from "./io.ts";
import { VERSION } from "./version.ts";

/** `agentflow lsp`: the language server, until its client ends it or is gone. */
export async function lsp(io: Io): Promise<number> {
  const input = io.openStdin();
  if (input.isTTY === true) {
    throw new UsageError("`agentflow lsp` is started by an editor, which talks to it over stdin and stdout; docs/editors.md says how");
  }
  const { serve } = await import("../lsp/server.ts");
  const { env, cwd, clock, isAlive } = io;
  const server = serve({ input, output: writable(io.stdout), env, cwd, clock, isAlive, version: VERSION });
  const stopped = Promise.withResolvers<number>();
  io.stdout.onClosed(() => stopped.resolve(EXIT.failed));
  const leaveSignals = io.onStop((reason) => {
    if (typeof reason === "object") server.report(`agentflow: a fault, please report it: ${reason.stack ?? reason.message}`);
    else stopped.resolve(codeFor(reason));
  });
  const leaveConsole = io.onConsole((text) => server.report(text));
  try {
    return await Promise.race([server.end, stopped.promise]);
  } finally {
    leaveConsole();
    leaveSignals();
    input.destroy();
  }
}

function codeFor(reason: Exclude<StopReason, Error>): number {
  return reason === "idle" ? EXIT.failed : EXIT[reason];
}

/** Messages come as a whole, so that no character is torn. */
function writable(output: Output): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      output.write(chunk.toString());
      done();
    },
  });
}
