import type { WriteStream } from "node:tty";
import ora, { type Ora } from "ora";
import type { Stamped } from "../engine/event.ts";
import { formatDuration } from "../spec/duration.ts";
import type { Palette } from "./palette.ts";
import { colouredMark, type ProgressLine, progressStory } from "./progress.ts";
import { cutTo } from "./width.ts";
import { countText, runningText } from "./wording.ts";

export interface LiveDisplayOptions {
  /** Only one on which lines can be redrawn; see `liveDisplayWorks`. */
  readonly stream: WriteStream;
  readonly palette: Palette;
  readonly verbose: boolean;
  /** Milliseconds that never run backwards. */
  readonly now: () => number;
}

/** Progress on a terminal. Whatever happens, `stop` must be called: it leaves the terminal as it was. */
export interface LiveDisplay {
  event(event: Stamped): void;
  /** Removes the live lines; stages that have not ended are named once more. Further calls do nothing. */
  stop(): void;
}

/**
 * One line for each stage under way, redrawn in place at the bottom; what has ended stands above and scrolls away. The
 * members of a group stay under it until it ends.
 *
 *     ✔ [1/3] collector 1.2s
 *     ⠹ [2/3] checks 3.4s
 *       ✔ [2/3] licences 0.9s
 *       ⠹ [2/3] sizes 3.4s, attempt 2/3
 */
export function startLiveDisplay(options: LiveDisplayOptions): LiveDisplay {
  const block = new LiveBlock(options);
  // The whole block is the prefix, which may be a function and so is made anew for every frame; ora's own spinner is empty.
  // The cursor stays visible: then neither Ctrl-Z nor kill -9 can leave a shell without one. stdin is left alone, or Ctrl-Z dies.
  const spinner = ora({
    stream: options.stream,
    prefixText: () => block.text(),
    spinner: { frames: [""], interval: FRAME_MS },
    color: false,
    hideCursor: false,
    discardStdin: false,
    isEnabled: true,
  });
  return new OraDisplay(options, block, spinner);
}

const FRAME_MS = 100;
const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] as const;

/** A display has a life: it holds the terminal from the first event until it is stopped. */
class OraDisplay implements LiveDisplay {
  readonly #options: LiveDisplayOptions;
  readonly #block: LiveBlock;
  readonly #spinner: Ora;
  readonly #story: ReturnType<typeof progressStory>;
  #stopped = false;

  constructor(options: LiveDisplayOptions, block: LiveBlock, spinner: Ora) {
    this.#options = options;
    this.#block = block;
    this.#spinner = spinner;
    this.#story = progressStory(options);
    options.stream.on("resize", this.#draw);
  }

  event(event: Stamped): void {
    if (this.#stopped) return;
    const lines = this.#block.take(event, this.#story.tell(event));
    this.#draw();
    this.#print(lines);
  }

  stop(): void {
    this.#stopped = true;
    this.#options.stream.off("resize", this.#draw);
    this.#hide();
    this.#print(this.#block.unfinished());
  }

  /** ora never returns where a terminal has no columns, and a terminal may lose them while it is used. */
  readonly #draw = (): void => {
    if (this.#options.stream.columns > 0) this.#spinner.start();
    else this.#hide();
  };

  #hide(): void {
    if (this.#spinner.isSpinning) this.#spinner.stop();
  }

  /** Above the block: ora sees the write, takes the block away and puts it back below. */
  #print(lines: readonly string[]): void {
    if (lines.length > 0) this.#options.stream.write(`${lines.join("\n")}\n`);
  }
}

/** A stage, a group or a member of one in the block. */
interface LiveEntry {
  readonly line: ProgressLine;
  readonly group: string | null;
  readonly startedMs: number;
  attempt: number;
  attempts: number;
  /** When the wait for the next attempt ends; null while one is under way. */
  waitUntilMs: number | null;
  tokens: number;
  /** Only on members of a group that is still under way. */
  ended: ProgressLine | null;
}

/** The lines that are redrawn. */
class LiveBlock {
  readonly #options: LiveDisplayOptions;
  readonly #entries = new Map<string, LiveEntry>();

  constructor(options: LiveDisplayOptions) {
    this.#options = options;
  }

  /** Notes an event; gives the lines that are to stand above the block from now on. */
  take(event: Stamped, lines: readonly ProgressLine[]): string[] {
    if (event.type === "attempt-start" || event.type === "attempt-end") this.#noteAttempt(event);
    const permanent: string[] = [];
    for (const line of lines) {
      const stage = "stage" in event && typeof event.stage === "object" ? event.stage : null;
      if (line.kind === "note" || stage === null) permanent.push(this.#permanentLine(line));
      else if (line.kind === "start") this.#start(stage.name, stage.group, line);
      else permanent.push(...this.#end(stage.name, stage.group, line));
    }
    return permanent;
  }

  /** As many lines as the terminal has rows for; members that have ended give way first. */
  text(): string {
    const { columns, rows } = this.#options.stream;
    const nowMs = this.#options.now();
    const room = Math.max(1, (rows > 0 ? rows : 24) - 1);
    let entries = [...this.#entries.values()];
    if (entries.length > room) entries = entries.filter((entry) => entry.ended === null);
    const shown = entries.length > room ? entries.slice(0, room - 1) : entries;
    // ora adds two spaces after the last line, and the last column stays free.
    const lines = shown.map((entry) => this.#liveLine(entry, nowMs, columns - 3));
    if (shown.length < entries.length) lines.push(cutTo(`… and ${entries.length - shown.length} more`, columns - 3));
    return lines.join("\n");
  }

  /** What is left when the display stops. */
  unfinished(): string[] {
    const nowMs = this.#options.now();
    const lines = [...this.#entries.values()].map((entry): ProgressLine => {
      return entry.ended ?? { ...entry.line, kind: "end", mark: "–", text: `not finished, ${formatDuration(nowMs - entry.startedMs)}` };
    });
    this.#entries.clear();
    return lines.map((line) => this.#permanentLine(line));
  }

  #start(name: string, group: string | null, line: ProgressLine): void {
    this.#entries.set(name, {
      line,
      group,
      startedMs: this.#options.now(),
      attempt: 1,
      attempts: 1,
      waitUntilMs: null,
      tokens: 0,
      ended: null,
    });
  }

  #end(name: string, group: string | null, line: ProgressLine): string[] {
    const entry = this.#entries.get(name);
    if (entry !== undefined && group !== null && this.#entries.has(group)) {
      entry.ended = line;
      return [];
    }
    this.#entries.delete(name);
    const members = [...this.#entries].filter(([, member]) => member.group === name && member.ended !== null);
    for (const [member] of members) this.#entries.delete(member);
    return [line, ...members.map(([, member]) => member.ended ?? member.line)].map((ended) => this.#permanentLine(ended));
  }

  #noteAttempt(event: Extract<Stamped, { type: "attempt-start" | "attempt-end" }>): void {
    const entry = this.#entries.get(event.stage.name);
    if (entry === undefined) return;
    entry.attempts = event.attempts;
    if (event.type === "attempt-start") {
      entry.attempt = event.attempt;
      entry.waitUntilMs = null;
    } else {
      entry.tokens += (event.usage?.input_tokens ?? 0) + (event.usage?.output_tokens ?? 0);
      if (event.retry_in_ms !== null) {
        entry.attempt = event.attempt + 1;
        entry.waitUntilMs = this.#options.now() + event.retry_in_ms;
      }
    }
  }

  #liveLine(entry: LiveEntry, nowMs: number, columns: number): string {
    const frame = FRAMES[Math.floor(nowMs / FRAME_MS) % FRAMES.length] ?? FRAMES[0];
    const indent = "  ".repeat(entry.line.indent);
    const mark = entry.ended === null ? this.#options.palette.cyan(frame) : colouredMark(entry.ended.mark, this.#options.palette);
    const text = entry.ended?.text ?? this.#runningText(entry, nowMs);
    return columns <= indent.length
      ? ""
      : `${indent}${mark}${cutTo(` ${entry.line.position} ${entry.line.name} ${text}`, columns - indent.length - 1)}`;
  }

  #runningText(entry: LiveEntry, nowMs: number): string {
    const parts = [runningText(nowMs - entry.startedMs)];
    if (entry.attempt > 1) parts.push(`attempt ${entry.attempt}/${entry.attempts}`);
    if (entry.waitUntilMs !== null) parts[parts.length - 1] += ` in ${Math.max(0, Math.ceil((entry.waitUntilMs - nowMs) / 1000))}s`;
    if (entry.tokens > 0) parts.push(countText(entry.tokens, "token"));
    return parts.join(", ");
  }

  /** Not cut: it is never redrawn, and what went wrong must be readable in full. */
  #permanentLine(line: ProgressLine): string {
    const { palette } = this.#options;
    const parts = [colouredMark(line.mark, palette), line.position === "" ? "" : palette.dim(line.position), line.name, line.text];
    return "  ".repeat(line.indent) + parts.filter((part) => part !== "").join(" ");
  }
}
