import type { Stop } from "../engine/durable.ts";

/**
 * Why work must stop, and who has to hear of it. One for the run, and one below it for every group and nested pipeline:
 * what is raised above is heard below, not the other way round.
 */
export class Interruption {
  readonly #parent: Interruption | null;
  readonly #listeners = new Set<(stop: Stop) => void>();
  readonly #stopListening: () => void;
  #stop: Stop | undefined;
  #controller: AbortController | undefined;

  constructor(parent: Interruption | null) {
    this.#parent = parent;
    this.#stopListening = parent === null ? () => {} : parent.listen((stop) => this.raise(stop));
  }

  /** The first reason wins. */
  raise(stop: Stop): void {
    if (this.#stop !== undefined) return;
    this.#stop = stop;
    this.#controller?.abort(stop.failure);
    for (const listener of Array.from(this.#listeners)) listener(stop);
    this.#listeners.clear();
  }

  /** Raises it where all of it begins, so that everything in the run hears of it. */
  raiseForAll(stop: Stop): void {
    if (this.#parent === null) this.raise(stop);
    else this.#parent.raiseForAll(stop);
  }

  raised(): Stop | undefined {
    return this.#stop ?? this.#parent?.raised();
  }

  /** Calls back once when it is raised; returns what ends the listening. */
  listen(listener: (stop: Stop) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Made on demand: most work never needs one. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      const stop = this.raised();
      if (stop !== undefined) this.#controller.abort(stop.failure);
    }
    return this.#controller.signal;
  }

  /** Stops listening to what is above. */
  close(): void {
    this.#stopListening();
  }
}
