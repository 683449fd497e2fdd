import { nearest } from "../spec/suggest.ts";
import type { PipelineSpec, ProviderSpec } from "../spec/spec.ts";
import type { Path } from "../spec/diagnostic.ts";
import { listed, type More, renaming, type Report } from "./checks/report.ts";
import { templateAt } from "./compile.ts";
import type { ProviderPlan } from "./plan.ts";
import type { Template } from "./template.ts";

/** The providers that need no table in the file; a table of the same name overrides single keys. */
export const BUILT_IN_PROVIDERS: Readonly<Record<string, ProviderSpec>> = {
  openai: { base_url: "https://api.openai.com/v1", api_key_env: "OPENAI_API_KEY" },
  openrouter: { base_url: "https://openrouter.ai/api/v1", api_key_env: "OPENROUTER_API_KEY" },
  ollama: { base_url: "http://127.0.0.1:11434/v1" },
  vllm: { base_url: "http://127.0.0.1:8000/v1" },
  llamacpp: { base_url: "http://127.0.0.1:8080/v1" },
  lmstudio: { base_url: "http://127.0.0.1:1234/v1" },
};

/** Every provider that the file can name: the built-in ones and its own. */
export function planProviders(spec: PipelineSpec, report: Report): Map<string, ProviderPlan> {
  const providers = new Map<string, ProviderPlan>();
  const own = spec.providers ?? {};
  for (const name of new Set([...Object.keys(BUILT_IN_PROVIDERS), ...Object.keys(own)])) {
    const written = Object.hasOwn(own, name) ? own[name] : undefined;
    const builtIn = Object.hasOwn(BUILT_IN_PROVIDERS, name) ? BUILT_IN_PROVIDERS[name] : undefined;
    const keys: ProviderSpec = { ...builtIn, ...written };
    if (keys.base_url === undefined) {
      report.error("missing-key", ["providers", name], `the provider \`${name}\` needs a base_url`, {
        at: "key",
        label: "needs `base_url`",
        help: 'for example base_url = "http://127.0.0.1:8000/v1"',
      });
    }
    const headers = Object.entries(keys.headers ?? {}).map(([header, text]) => ({
      name: header,
      value: headerAt(text, ["providers", name, "headers", header], report),
    }));
    providers.set(name, {
      name,
      baseUrl: keys.base_url ?? "",
      apiKeyEnv: keys.api_key_env ?? null,
      headers,
      maxTokensField: keys.max_tokens_field ?? null,
    });
  }
  return providers;
}

/** A header's value belongs to the provider, not to a stage: it sees the environment and nothing else. */
function headerAt(text: string, path: Path, report: Report): Template {
  const template = templateAt(text, path, { env: true }, report);
  const { keys, stages, meta, wholeState } = template.reads;
  const read = keys[0] ?? stages[0] ?? meta[0];
  if (read !== undefined || wholeState)
    report.error("unknown-variable", path, `a header sees only the environment, not \`${read?.name ?? "state"}\``, {
      ...(read === undefined ? {} : { at: { start: read.start, end: read.end } }),
      help: "write ${{ env.NAME }}",
    });
  return template;
}

/** What to say about a provider that is not there. */
export function unknownProvider(name: string, path: Path, providers: ReadonlyMap<string, ProviderPlan>): More {
  const near = nearest(name, providers.keys());
  if (near === undefined)
    return { label: "not defined", help: `known: ${listed(providers.keys())}; another one needs a table [providers.${name}]` };
  const related = [{ path: ["providers", near], at: "key" as const, label: "did you mean this one?" }];
  return { label: "not defined", related, ...renaming([path], name, near, providers.keys()) };
}
