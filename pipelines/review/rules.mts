// Finds what needs no judgement; the stage `rules` of agentflow.toml calls it. Add your own rules here.

interface Line {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

interface Rule {
  readonly files: RegExp;
  readonly pattern: RegExp;
  readonly remark: string;
  /** Whether the change cannot go in with it. */
  readonly blocks: boolean;
}

const RULES: readonly Rule[] = [
  { files: /\.[jt]sx?$/, pattern: /\bconsole\.(log|debug)\(/, remark: "output that was forgotten", blocks: false },
  { files: /\.[jt]sx?$/, pattern: /\bdebugger\b/, remark: "a breakpoint that was forgotten", blocks: true },
  { files: /./, pattern: /\bsk-[\w-]{16,}|AKIA[0-9A-Z]{16}/, remark: "a key: revoke it, and read it from the environment", blocks: true },
  { files: /./, pattern: /^(<{7}|>{7}) /, remark: "a conflict that is not resolved", blocks: true },
  { files: /\.[jt]sx?$/, pattern: /^.{121}/, remark: "a line of more than 120 characters", blocks: false },
];

export default function rules({ added }: { added: readonly Line[] }): { findings: string[] } {
  return {
    findings: added.flatMap(({ file, line, text }) =>
      RULES.filter((rule) => rule.files.test(file) && rule.pattern.test(text)).map(
        ({ remark, blocks }) => `${blocks ? "BLOCKER " : ""}${file}:${line}: ${remark}`,
      ),
    ),
  };
}
