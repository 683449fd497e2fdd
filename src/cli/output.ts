import { fstatSync, writeSync } from "node:fs";
import type { Output } from "./io.ts";

/**
 * What this process writes to, its streams or what stands in for them.
 *
 * To open a stream takes longer than everything else that a short command does. So what goes to pipes and files is held back
 * until the end of the turn. Where the program has ended by then it is written without a stream, which may wait for a slow
 * reader, since nothing else is left to do.
 */
export function processOutputs(): { readonly stdout: Output; readonly stderr: Output } {
  const held: Held[] = [];
  const release = (write: (target: Target, text: string) => void): void => {
    for (const { target, text } of held.splice(0)) write(target, text);
  };
  const outputOf = (target: Target): Output => ({
    write(text) {
      if (held.length === 0 && target.stream !== undefined) return void target.stream.write(text);
      if (held.length === 0) setImmediate(() => release(writeToStream));
      held.push({ target, text });
    },
    flushed() {
      release(writeDirectly);
      const { stream } = target;
      if (stream === undefined) return Promise.resolve(target.loss);
      return new Promise((resolve) => {
        stream.write("", (error) => {
          note(target, error);
          resolve(target.loss);
        });
      });
    },
    onClosed: (listener) => void target.closed.push(listener),
    isTTY: target.stream?.isTTY === true,
    columns: target.stream?.columns ?? 0,
    ...(target.stream?.isTTY === true ? { terminal: target.stream } : {}),
  });
  return { stdout: outputOf(targetOf(1, "stdout")), stderr: outputOf(targetOf(2, "stderr")) };
}

interface Target {
  readonly descriptor: number;
  readonly name: "stdout" | "stderr";
  /** Once it is open. */
  stream?: NodeJS.WriteStream;
  /** Why something could not be written. */
  loss: Error | null;
  /** Who wants to know that the reader has gone away. */
  readonly closed: (() => void)[];
}

interface Held {
  readonly target: Target;
  readonly text: string;
}

function targetOf(descriptor: number, name: Target["name"]): Target {
  const target: Target = { descriptor, name, loss: null, closed: [] };
  // It may be a terminal.
  if (fstatSync(descriptor).isCharacterDevice()) openStream(target);
  return target;
}

function openStream(target: Target): NodeJS.WriteStream {
  const stream = process[target.name];
  stream.on("error", (error) => note(target, error));
  target.stream = stream;
  return stream;
}

function writeToStream(target: Target, text: string | Buffer): void {
  (target.stream ?? openStream(target)).write(text);
}

function writeDirectly(target: Target, text: string): void {
  if (target.stream !== undefined) return writeToStream(target, text);
  let rest = Buffer.from(text);
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(target.descriptor, rest));
  } catch (error) {
    // Whoever shares the pipe may have made it one that does not wait.
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") writeToStream(target, rest);
    else note(target, error as Error);
  }
}

function note(target: Target, error: NodeJS.ErrnoException | null | undefined): void {
  if (error === null || error === undefined) return;
  if (!hasNoReader(error, target)) target.loss ??= error;
  else for (const listener of target.closed) listener();
}

/** A reader that closes the pipe early (`| head`), or a terminal that was closed. */
function hasNoReader({ code }: NodeJS.ErrnoException, { stream }: Target): boolean {
  return code === "EPIPE" || code === "ERR_STREAM_DESTROYED" || (code === "EIO" && stream?.isTTY === true);
}
