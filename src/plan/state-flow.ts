import { hidesFlow } from "./checks/doubt.ts";
import { type Flow, followState } from "./flow.ts";
import { type AgentReader, type Reader, stageReaders, type Texts, undoerReaders } from "./readers.ts";

/** What is read where, and where it comes from: what the checks of the data flow look at. */
export interface StateFlow {
  readonly texts: Texts;
  readonly readers: readonly Reader[];
  /** Agents that undo stages; they see other things than the state. */
  readonly undoers: readonly AgentReader[];
  readonly flow: Flow;
  /** Declared inputs, and all that some element may write. */
  readonly keys: ReadonlySet<string>;
  /** Whether a run may be given any key, since no input is declared. */
  readonly isOpen: boolean;
  /** Whether it is known who runs, and which names there are. */
  readonly isCertain: boolean;
  /** Whether something can be said about keys: what stands in for an agent with errors could have written any. */
  readonly isSound: boolean;
}

export function stateFlowOf(texts: Texts): StateFlow {
  const { source, structure, branches, agents, report } = texts;
  const inputs = new Map(Object.entries(source.spec.inputs ?? {}));
  const readers = stageReaders(texts);
  const asked = new Set(readers.flatMap(({ reads }) => reads.keys.map(({ name }) => name)));
  const flow = followState({ ...structure, branches, agents, inputs }, asked);
  const isCertain = !report.hasUnknownNames && !report.doubts.some(hidesFlow);
  return {
    texts,
    readers,
    undoers: undoerReaders(texts),
    flow,
    keys: new Set([...inputs.keys(), ...flow.written]),
    isOpen: inputs.size === 0,
    isCertain,
    isSound: isCertain && (flow.isClosed || !report.hasErrors),
  };
}
