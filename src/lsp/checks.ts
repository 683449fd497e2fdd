import type { Clock } from "../engine/clock.ts";
import type { Located } from "../spec/positions.ts";

/** What a check of a pipeline file found, in it and in the files that it refers to. */
export interface Checked {
  readonly diagnostics: readonly Located[];
  /** Every file that was read, or looked for, with its text where it was there: where one changes, the check is made again. */
  readonly texts: ReadonlyMap<string, string | null>;
}

/** What checks are made with. */
export interface CheckWorld {
  readonly clock: Pick<Clock, "after">;
  /** Checks a pipeline file as it is now. */
  check(file: string): Promise<Checked>;
  /** Shows all that is known of a file; `text` is what the places are in. */
  publish(file: string, text: string, diagnostics: readonly Located[]): void;
  /** Hears of a check that was not possible, which is a fault of agentflow. */
  failed(file: string, error: unknown): void;
}

/** How long nothing must have changed before a check, so that no word is looked at that is half typed. */
export const DELAY_MS = 150;

/**
 * The checks of all pipeline files that are open.
 *
 * Contract: what is published of a file was found in its newest text, once nothing has changed for {@link DELAY_MS}; a check that
 * something has overtaken is forgotten. What several pipelines say about one file is told once.
 */
export class Checks {
  readonly #world: CheckWorld;
  readonly #pipelines = new Map<string, Pipeline>();

  constructor(world: CheckWorld) {
    this.#world = world;
  }

  /** Checks a file at once, and from now on whenever it changes; nothing for one that is open already. */
  open(file: string): void {
    if (this.#pipelines.has(file)) return;
    const pipeline: Pipeline = { turn: 0, stopTimer: null, running: null, checked: NOTHING };
    this.#pipelines.set(file, pipeline);
    this.#start(file, pipeline);
  }

  close(file: string): void {
    const pipeline = this.#pipelines.get(file);
    if (pipeline === undefined) return;
    this.#pipelines.delete(file);
    pipeline.stopTimer?.();
    this.#publish(pipeline.checked, NOTHING);
  }

  /** A file is not as it was: the pipelines that it belongs to are checked again. */
  changed(file: string): void {
    for (const [name, pipeline] of this.#pipelines) {
      if (name === file || pipeline.checked.texts.has(file)) this.#schedule(name, pipeline);
    }
  }

  /** Something is not as it was, whatever it is. */
  changedSomewhere(): void {
    for (const [name, pipeline] of this.#pipelines) this.#schedule(name, pipeline);
  }

  /** What is known of a pipeline file as it is now; a check that waits is made at once. */
  async current(file: string): Promise<readonly Located[]> {
    const pipeline = this.#pipelines.get(file);
    if (pipeline === undefined) return [];
    while (pipeline.stopTimer !== null || pipeline.running !== null) {
      if (pipeline.stopTimer !== null) this.#start(file, pipeline);
      await pipeline.running;
    }
    return this.#diagnosticsOf(file);
  }

  #schedule(file: string, pipeline: Pipeline): void {
    pipeline.turn += 1;
    pipeline.stopTimer?.();
    pipeline.stopTimer = this.#world.clock.after(DELAY_MS, () => this.#start(file, pipeline));
  }

  #start(file: string, pipeline: Pipeline): void {
    pipeline.stopTimer?.();
    pipeline.stopTimer = null;
    const running = this.#check(file, pipeline, pipeline.turn).finally(() => {
      if (pipeline.running === running) pipeline.running = null;
    });
    pipeline.running = running;
  }

  async #check(file: string, pipeline: Pipeline, turn: number): Promise<void> {
    try {
      const checked = await this.#world.check(file);
      if (turn !== pipeline.turn || this.#pipelines.get(file) !== pipeline) return;
      const before = pipeline.checked;
      pipeline.checked = checked;
      this.#publish(before, checked);
    } catch (error) {
      this.#world.failed(file, error);
    }
  }

  /** What is gone is taken back: a file without diagnostics is published as well. */
  #publish(before: Checked, after: Checked): void {
    for (const file of new Set([...filesIn(before), ...filesIn(after)]))
      this.#world.publish(file, after.texts.get(file) ?? before.texts.get(file) ?? "", this.#diagnosticsOf(file));
  }

  #diagnosticsOf(file: string): Located[] {
    const found = new Map<string, Located>();
    for (const { checked } of this.#pipelines.values()) {
      for (const diagnostic of checked.diagnostics) if (diagnostic.file === file) found.set(identityOf(diagnostic), diagnostic);
    }
    return [...found.values()];
  }
}

interface Pipeline {
  /** Counts what has changed: a check that began in an earlier turn says nothing any more. */
  turn: number;
  /** Ends the wait for the next check, where one is waited for. */
  stopTimer: (() => void) | null;
  running: Promise<void> | null;
  checked: Checked;
}

const NOTHING: Checked = { diagnostics: [], texts: new Map() };

/** The pipeline file itself and all in which there is something. */
function filesIn({ diagnostics, texts }: Checked): string[] {
  const [first] = texts.keys();
  return [...(first === undefined ? [] : [first]), ...diagnostics.flatMap(({ file }) => file ?? [])];
}

function identityOf({ code, message, place }: Located): string {
  return JSON.stringify([code, message, place?.start, place?.end]);
}
