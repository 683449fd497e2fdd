import { describe, expect, test } from "vitest";
import { type Checked, Checks, DELAY_MS } from "../../src/lsp/checks.ts";
import { linesOf, placeOf } from "../../src/spec/places/place.ts";
import type { Located } from "../../src/spec/positions.ts";

/** Checks whose ends, and whose time, are in the hands of the test. */
function bench() {
  const timers = new Set<{ readonly ms: number; readonly callback: () => void }>();
  const pending: { readonly file: string; readonly end: (checked: Checked) => void; readonly fail: (error: Error) => void }[] = [];
  const shown: string[] = [];
  const failures: string[] = [];
  const checks = new Checks({
    clock: {
      after(ms, callback) {
        const timer = { ms, callback };
        timers.add(timer);
        return () => timers.delete(timer);
      },
    },
    check: (file) => new Promise((end, fail) => pending.push({ file, end, fail })),
    publish: (file, _text, diagnostics) => shown.push(`${file}: ${diagnostics.map(({ message }) => message).join(", ")}`),
    failed: (file, error) => failures.push(`${file}: ${String(error)}`),
  });
  return {
    checks,
    failures,
    /** What was published since it was last asked. */
    shown: () => shown.splice(0),
    pending: () => pending.map(({ file }) => file),
    /** Lets the delay pass. */
    wait() {
      const due = new Set(timers);
      timers.clear();
      for (const timer of due) {
        expect(timer.ms).toBe(DELAY_MS);
        timer.callback();
      }
    },
    /** Ends the check that began at this place in the row of those that are under way. */
    async end(index: number, messages: readonly string[], others: readonly string[] = []) {
      const [check] = pending.splice(index, 1);
      if (check === undefined) throw new Error("no check is under way");
      check.end(checkedAs(check.file, messages, others));
      await settled();
    },
    async fail(index: number, message: string) {
      pending.splice(index, 1)[0]?.fail(new Error(message));
      await settled();
    },
  };
}

/** `other: message` is said of another file. */
function checkedAs(file: string, messages: readonly string[], others: readonly string[]): Checked {
  const diagnostics = messages.map((message): Located => {
    const [first = "", second] = message.split(": ");
    const place = placeOf({ start: 0, end: 1 }, linesOf("x"));
    const where = second === undefined ? { file, message: first } : { file: first, message: second };
    return { severity: "error", code: "x", path: [], place, label: null, help: null, related: [], fix: null, ...where };
  });
  return { diagnostics, texts: new Map([file, ...others].map((name) => [name, ""])) };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("checks while somebody types", () => {
  test("a file is checked at once when it is opened, and later once nothing has changed for a while", async () => {
    const { checks, wait, end, shown, pending } = bench();
    checks.open("a");
    await end(0, ["one"]);
    expect(shown()).toEqual(["a: one"]);
    checks.changed("a");
    checks.changed("a");
    expect(pending()).toEqual([]);
    wait();
    checks.open("a");
    expect(pending()).toEqual(["a"]);
    await end(0, []);
    expect(shown()).toEqual(["a: "]);
  });

  test("what a slow check finds in an old text is forgotten, whichever ends first", async () => {
    const { checks, wait, end, shown, pending } = bench();
    checks.open("a");
    checks.changed("a");
    wait();
    expect(pending()).toEqual(["a", "a"]);
    await end(1, ["new"]);
    await end(0, ["old"]);
    expect(shown()).toEqual(["a: new"]);
    checks.changed("a");
    wait();
    checks.changed("a");
    await end(0, ["old"]);
    expect(shown()).toEqual([]);
    wait();
    await end(0, ["newest"]);
    expect(shown()).toEqual(["a: newest"]);
  });

  test("a file that a pipeline refers to has it checked again, also one that was not there", async () => {
    const { checks, wait, end, shown, pending } = bench();
    checks.open("a");
    await end(0, ["one", "inner: two"], ["inner", "prompt"]);
    expect(shown()).toEqual(["a: one", "inner: two"]);
    for (const file of ["prompt", "inner", "other"]) {
      checks.changed(file);
      wait();
      expect([file, pending()]).toEqual([file, file === "other" ? [] : ["a"]]);
      if (file !== "other") await end(0, [], ["inner", "prompt"]);
    }
    expect(shown()).toEqual(["a: ", "inner: ", "a: "]);
    checks.changedSomewhere();
    wait();
    expect(pending()).toEqual(["a"]);
  });

  test("what two pipelines say of one file is told once, and stays while one of them says it", async () => {
    const { checks, end, shown } = bench();
    checks.open("a");
    checks.open("b");
    await end(0, ["inner: same", "inner: of a"], ["inner"]);
    await end(0, ["inner: same"], ["inner"]);
    expect(shown()).toEqual(["a: ", "inner: same, of a", "b: ", "inner: same, of a"]);
    checks.close("a");
    expect(shown()).toEqual(["a: ", "inner: same"]);
    checks.close("b");
    expect(shown()).toEqual(["b: ", "inner: "]);
    checks.close("b");
    expect(shown()).toEqual([]);
  });

  test("nothing is said of a file that was closed during its check", async () => {
    const { checks, wait, end, shown, pending } = bench();
    checks.open("a");
    checks.close("a");
    await end(0, ["one"]);
    expect(shown()).toEqual([]);
    checks.open("a");
    await end(0, ["two"]);
    checks.changed("a");
    checks.close("a");
    wait();
    expect([shown(), pending()]).toEqual([["a: two", "a: "], []]);
  });

  test("who asks for what is known now gets what a check finds that is waited for, or under way", async () => {
    const { checks, end, pending } = bench();
    checks.open("a");
    await end(0, ["old"]);
    checks.changed("a");
    const asked = checks.current("a");
    expect(pending()).toEqual(["a"]);
    checks.changed("a");
    await end(0, ["overtaken"]);
    expect(pending()).toEqual(["a"]);
    await end(0, ["new"]);
    expect((await asked).map(({ message }) => message)).toEqual(["new"]);
    expect(await checks.current("nothing")).toEqual([]);
  });

  test("a check that is not possible is told, leaves what is shown, and the next one is made", async () => {
    const { checks, wait, end, fail, shown, failures, pending } = bench();
    checks.open("a");
    await end(0, ["one"]);
    checks.changed("a");
    wait();
    await fail(0, "oops");
    expect([shown(), failures]).toEqual([["a: one"], ["a: Error: oops"]]);
    checks.changed("a");
    wait();
    expect(pending()).toEqual(["a"]);
    await end(0, []);
    expect(shown()).toEqual(["a: "]);
  });
});
