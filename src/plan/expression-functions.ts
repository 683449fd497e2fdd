import { ANY, BOOLEAN, type Kind, listOf, NUMBER, STRING, type Type } from "./type.ts";

/** What a function takes and gives. */
export interface FunctionTypes {
  /** The kinds of what it is called on, in `value.name(…)`; words for what JSON does not have. */
  readonly on?: readonly Kind[] | string;
  /** The kinds of its arguments, in their order. */
  readonly takes: readonly (readonly Kind[])[];
  readonly gives: Type;
}

/** undefined: it takes and gives anything. */
export function functionTypes(name: string): FunctionTypes | undefined {
  return FUNCTIONS.get(name);
}

const TEXT: readonly Kind[] = ["string"];
const COUNT: readonly Kind[] = ["number"];
const SIZED: readonly Kind[] = ["string", "list", "object"];

const FUNCTIONS: ReadonlyMap<string, FunctionTypes> = new Map<string, FunctionTypes>([
  ["size", { on: SIZED, takes: [SIZED], gives: NUMBER }],
  ["string", { takes: [["boolean", "number", "string"]], gives: STRING }],
  ["int", { takes: [["number", "string"]], gives: NUMBER }],
  ["uint", { takes: [["number", "string"]], gives: NUMBER }],
  ["double", { takes: [["number", "string"]], gives: NUMBER }],
  ["bool", { takes: [["boolean", "string"]], gives: BOOLEAN }],
  ["bytes", { takes: [TEXT], gives: ANY }],
  ["timestamp", { takes: [["number", "string"]], gives: ANY }],
  ["duration", { takes: [TEXT], gives: ANY }],
  ["contains", { on: TEXT, takes: [TEXT], gives: BOOLEAN }],
  ["startsWith", { on: TEXT, takes: [TEXT], gives: BOOLEAN }],
  ["endsWith", { on: TEXT, takes: [TEXT], gives: BOOLEAN }],
  ["matches", { on: TEXT, takes: [TEXT], gives: BOOLEAN }],
  ["lowerAscii", { on: TEXT, takes: [], gives: STRING }],
  ["upperAscii", { on: TEXT, takes: [], gives: STRING }],
  ["trim", { on: TEXT, takes: [], gives: STRING }],
  ["substring", { on: TEXT, takes: [COUNT, COUNT], gives: STRING }],
  ["indexOf", { on: TEXT, takes: [TEXT, COUNT], gives: NUMBER }],
  ["lastIndexOf", { on: TEXT, takes: [TEXT, COUNT], gives: NUMBER }],
  ["split", { on: TEXT, takes: [TEXT, COUNT], gives: listOf(STRING) }],
  ["join", { on: ["list"], takes: [TEXT], gives: STRING }],
  ["at", { on: "bytes", takes: [COUNT], gives: NUMBER }],
  ...["getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"].map(ofTime("a timestamp")),
  ...["getHours", "getMinutes", "getSeconds", "getMilliseconds"].map(ofTime("a timestamp or a duration")),
]);

function ofTime(on: string): (name: string) => [string, FunctionTypes] {
  return (name) => [name, { on, takes: [TEXT], gives: NUMBER }];
}
