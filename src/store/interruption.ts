import type { Failure } from "../engine/failure.ts";

/**
 * Why work must stop, and who has to hear of it. One for the run, and one below it for every group and nested pipeline:
 * what is raised above is heard below, not the other way round.
 */
export class Interruption {
  readonly #parent: Interruption | null;
  readonly #listeners = new Set<(failure: Failure) => void>();
  readonly #stopListening: () => void;
  #failure: Failure | undefined;
  #controller: AbortController | undefined;

  constructor(parent: Interruption | null) {
    this.#parent = parent;
    this.#stopListening = parent === null ? () => {} : parent.listen((failure) => this.raise(failure));
  }

  /** The first reason wins. */
  raise(failure: Failure): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#controller?.abort(failure);
    for (const listener of [...this.#listeners]) listener(failure);
    this.#listeners.clear();
  }

  failure(): Failure | undefined {
    return this.#failure ?? this.#parent?.failure();
  }

  /** Calls back once when it is raised; returns what ends the listening. */
  listen(listener: (failure: Failure) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Made on demand: most work never needs one. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      const failure = this.failure();
      if (failure !== undefined) this.#controller.abort(failure);
    }
    return this.#controller.signal;
  }

  /** Stops listening to what is above. */
  close(): void {
    this.#stopListening();
  }
}
