/** What completion scripts are made from. */
export interface CompletionSpec {
  readonly program: string;
  readonly commands: readonly {
    readonly name: string;
    readonly description: string;
    readonly arguments?: "files";
    readonly options: readonly { readonly flags: string; readonly description: string; readonly values?: readonly string[] }[];
  }[];
}

export function completionScript(shell: "bash" | "zsh" | "fish", spec: CompletionSpec): string {
  throw new Error(`${shell} ${spec.program}`);
}
