import { describe, expect, test } from "vitest";
import { problemsIn } from "./plans.ts";

/** Two stages that one agent may undo. `cancel`: more of that agent. */
function file(book: string, pay: string, cancel: string): string {
  return `[inputs.order]
type = "string"
[agents.book]
type = "canned"
${book}
[agents.pay]
type = "canned"
${pay}
[agents.cancel]
type = "script"
${cancel}
[orchestration.sequential]
agents = ["book", "pay"]
[agents.check]
type = "canned"
input = { order = "order" }`;
}

const told = async (book: string, pay: string, cancel: string): Promise<string[]> =>
  (await problemsIn(file(book, pay, cancel))).filter((problem) => problem.includes("type-mismatch"));

const TICKET = 'reply = { ticket = 1 }\nrollback = "cancel"';
const command = (expression: string): string => `command = ["echo", "\${{ ${expression} }}"]`;

describe("what undoes a stage", () => {
  test.each<[sentence: string, book: string, pay: string, cancel: string, problem: string]>([
    ["reads what it did not write", TICKET, "", command("output.tickt"), "12:25 type-mismatch: `output` has no member `tickt`"],
    [
      "reads it through its table",
      TICKET,
      "",
      `input = { o = "output" }\n${command("o.tickt")}`,
      "13:25 type-mismatch: `o` has no member `tickt`",
    ],
    [
      "reads it in its table",
      TICKET,
      "",
      `input = { o = "output.tickt" }\n${command("o")}`,
      "12:16 type-mismatch: `output` has no member `tickt`",
    ],
    ["reads it through the state", TICKET, "", command("state.output.tickt"), "12:25 type-mismatch: `state.output` has no member `tickt`"],
    [
      "reads what neither of two wrote",
      TICKET,
      'reply = { receipt = 1 }\nrollback = "cancel"',
      command("output.tickt"),
      "13:25 type-mismatch: `output` has no member `tickt`",
    ],
    [
      "reads what the stage was not given",
      `input = { what = "order" }\n${TICKET}`,
      "",
      command("input.order"),
      "13:25 type-mismatch: `input` has no member `order`",
    ],
    ["takes the name for an object", TICKET, "", command("stage.name"), "12:25 type-mismatch: a string has no member `name`: `stage.name`"],
    [
      "counts with the error",
      TICKET,
      "",
      command("error + 1"),
      "12:25 type-mismatch: cannot add an object or null and a number: `error + 1`",
    ],
  ])("%s", async (_sentence, book, pay, cancel, problem) => expect(await told(book, pay, cancel)).toEqual([problem]));

  test.each<[sentence: string, book: string, pay: string, cancel: string]>([
    ["reads what it wrote", TICKET, "", command("output.ticket + 1")],
    ["reads what one of two wrote", TICKET, 'reply = { receipt = 1 }\nrollback = "cancel"', command("output.receipt")],
    ["reads what the fallback wrote", `${TICKET}\nfallback = "check"`, "", command("output.ticket")],
    ["asks for what it did not write", TICKET, "", command("has(output.tickt) ? output.tickt : 0")],
    ["reads what the stage was given, which is the state", TICKET, "", command("input.order")],
    ["reads what one of two was given", TICKET, `input = { what = "order" }\n${TICKET}`, command("input.order")],
    ["reads the error", TICKET, "", command("error.message + stage")],
    ["undoes no stage", "reply = { ticket = 1 }", "", command("output.tickt")],
  ])("%s: nothing is told", async (_sentence, book, pay, cancel) => expect(await told(book, pay, cancel)).toEqual([]));
});
