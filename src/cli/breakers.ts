import type { BreakerState } from "../engine/breaker.ts";
import { CIRCUIT_PREFIX } from "../engine/circuit.ts";
import { breakerJson, breakersTable, type NamedBreaker } from "../report/breakers.ts";
import { localTime } from "../report/local-time.ts";
import { oneLine } from "../report/sanitise.ts";
import { colourWorks, makePalette } from "../report/terminal.ts";
import { isJsonObject } from "../spec/json.ts";
import type { Store } from "../store/store.ts";
import { EXIT } from "./exit-codes.ts";
import { type Io, UsageError } from "./io.ts";
import { type StoreFlags, withStore, withStoreIfAny } from "./store.ts";

/** As commander hands them over. */
export interface BreakersFlags extends StoreFlags {
  readonly json?: boolean;
  readonly color: boolean;
}

/** `agentflow breakers`: the circuit breakers of all pipelines on the store. Where there is no store, none is made. */
export async function breakers(io: Io, flags: BreakersFlags): Promise<number> {
  const found = await withStoreIfAny(io, flags, async (store) => (store === null ? [] : breakersOf(store)));
  const nowMs = io.clock.now();
  if (flags.json === true) {
    const list = found.map((breaker) => breakerJson(breaker, nowMs));
    io.stdout.write(`${JSON.stringify(list, null, 2)}\n`);
  } else if (found.length === 0) {
    io.stderr.write("agentflow: no circuit breaker has counted a failure yet; an agent gets one by `circuit_breaker`\n");
  } else {
    const palette = await makePalette(colourWorks(io.stdout, io.env, flags.color));
    const columns = io.stdout.isTTY ? io.stdout.columns : 0;
    io.stdout.write(`${breakersTable(found, { palette, columns, nowMs, time: localTime(io.env.TZ) })}\n`);
  }
  return EXIT.ok;
}

/** `agentflow breakers reset`: closes circuits at once; all of them are found before the first is closed. */
export async function resetBreakers(io: Io, given: readonly string[], flags: StoreFlags): Promise<number> {
  return withStore(io, flags, async (store) => {
    const found = await breakersOf(store);
    const names = new Set(given);
    for (const name of names) {
      if (found.some((breaker) => breaker.name === name)) continue;
      const candidates = found.map((breaker) => `\n  ${oneLine(breaker.name)}`).join("");
      throw new UsageError(
        `there is no circuit breaker \`${oneLine(name, 100)}\`; ${candidates === "" ? "none has counted a failure yet" : `there are${candidates}`}`,
      );
    }
    for (const name of names) {
      await store.shared.update(`${CIRCUIT_PREFIX}${name}`, () => ({ value: null, result: null }));
      io.stdout.write(`reset ${oneLine(name)}\n`);
    }
    return EXIT.ok;
  });
}

/** What is there under such a name but is no circuit, another program wrote: it counts as none. */
async function breakersOf(store: Store): Promise<NamedBreaker[]> {
  const values = await store.shared.list();
  return values.flatMap(([name, value]) =>
    name.startsWith(CIRCUIT_PREFIX) && isJsonObject(value) && typeof value.failures === "number"
      ? [{ name: name.slice(CIRCUIT_PREFIX.length), state: value as unknown as BreakerState }]
      : [],
  );
}
