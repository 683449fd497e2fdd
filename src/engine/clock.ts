/** Time, handed in: the system's for real runs, a virtual one in tests. */
export interface Clock {
  /** Epoch milliseconds; may jump. */
  now(): number;
  /** Milliseconds since some fixed point; never runs backwards. */
  elapsed(): number;
  /** Calls back once, after `ms` of `elapsed` time, however long that is. Returns what cancels it. */
  after(ms: number, callback: () => void): () => void;
  /** Lets everything happen that is due: timers, signals, what the network brought. */
  turn(): Promise<void>;
}
