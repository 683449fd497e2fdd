import { StoreError } from "../store/store.ts";
import { EXIT, storeExitCode } from "./exit-codes.ts";
import { type Io, UsageError } from "./io.ts";
import { runProgram } from "./program.ts";

/**
 * The whole program: arguments and streams in, an exit code out.
 *
 * Contract: rejects only for a bug, which the caller reports with exit code 70. Whoever reads 0 has got all of stdout, unless
 * they closed it themselves.
 */
export async function main(io: Io): Promise<number> {
  const code = await endOf(io);
  const loss = await io.stdout.flushed();
  if (loss === null) return code;
  io.stderr.write(`agentflow: not all of stdout could be written: ${loss.message}\n`);
  return code === EXIT.ok ? EXIT.failed : code;
}

async function endOf(io: Io): Promise<number> {
  try {
    return await runProgram(io);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof StoreError)) throw error;
    io.stderr.write(`agentflow: ${error.message}\n`);
    return error instanceof StoreError ? storeExitCode(error.code) : EXIT.usage;
  }
}
