import type { AgentReply } from "../engine/agent.ts";
import type { Usage } from "../engine/failure.ts";
import { AgentError } from "../engine/failure.ts";
import type { ProviderPlan } from "../plan/plan.ts";
import type { FailureKind } from "../spec/spec.ts";
import { quote } from "./stdout.ts";

/** Who was asked, for messages. */
export interface Asked {
  readonly provider: ProviderPlan;
  readonly model: string;
  /** It is struck out wherever a server repeats it. */
  readonly key: string | null;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

const RUNNING_HINTS: Readonly<Record<string, string>> = {
  ollama: "is Ollama running?",
  lmstudio: "is LM Studio's server running?",
  vllm: "is vLLM running?",
  llamacpp: "is llama.cpp's server running?",
};

const LONGEST_DETAIL = 2_000;

/**
 * What a model server answered under HTTP 200.
 *
 * Contract: only an answer that the server finished and that has text is a reply. Everything thrown counts as one answer.
 *
 * @throws AgentError `truncated`, `content_filter`, `invalid_output`, or what an error body says.
 */
export function readAnswer(text: string, headers: Headers, asked: Asked): AgentReply {
  const who = asked.provider.name;
  const body = asObject(parse(text));
  const usage = readUsage(body?.usage);
  const fail = (kind: FailureKind, message: string): AgentError =>
    new AgentError(kind, redact(message, asked), { answers: 1, ...(usage === undefined ? {} : { usage }) });

  if (body === undefined) throw fail("invalid_output", notJson(text, asked));
  const choice = asObject(Array.isArray(body.choices) ? body.choices[0] : undefined);
  const error = choice?.error ?? (choice === undefined ? body.error : undefined);
  if (error !== undefined && error !== null) {
    throw failure(
      { status: statusOf(error), shown: "200 with an error", said: sentence(error), code: codeOf(error) },
      text,
      headers,
      asked,
      { answers: 1, usage },
    );
  }
  const message = asObject(choice?.message);
  if (choice === undefined || message === undefined)
    throw fail("invalid_output", `${who}: the answer has no choices; it begins with ${quote(text)}`);

  switch (choice.finish_reason) {
    case undefined:
    case null:
    case "":
      throw fail("invalid_output", `${who}: the answer has no finish_reason, so it may not be complete`);
    case "length":
      throw fail("truncated", `${who}: the answer was cut off at the limit of tokens; raise max_tokens, or ask for less`);
    case "content_filter":
      throw fail("content_filter", `${who}: the content filter stopped the answer; change the prompt`);
    case "error":
      throw fail("server_error", `${who}: the server failed while it answered`);
  }
  if (typeof message.refusal === "string" && message.refusal !== "")
    throw fail("content_filter", `${who}: the model refuses: ${clip(message.refusal)}`);
  if (typeof message.content !== "string" || message.content.trim() === "") throw fail("invalid_output", `${who}: the answer is empty`);
  return { output: message.content, ...(usage === undefined ? {} : { usage }) };
}

/** A status other than 200, as the client tells of it: the body is in `error` where it is JSON, otherwise in the message. */
export function statusError(thrown: { status: number; error: unknown; message: string; headers: Headers }, asked: Asked): AgentError {
  const { status, error, message } = thrown;
  const text = error === undefined ? message.replace(/^\d+ (status code \(no body\)$)?/, "") : JSON.stringify(error);
  const said = error === undefined ? (text.trim() === "" ? "" : quote(text)) : sentence(error);
  return failure({ status, shown: String(status), said, code: codeOf(error) }, text, thrown.headers, asked, {});
}

/** The connection failed, before or during the answer. The cause is unwrapped to what a person can act on. */
export function connectionError(thrown: unknown, asked: Asked): AgentError {
  const root = rootOf(thrown);
  const kind = root.code === "ERR_INVALID_URL" ? "invalid_request" : "connection";
  return new AgentError(kind, redact(connectionMessage(root, asked), asked));
}

/** How long a server asks to wait, in milliseconds: `retry-after-ms`, or `Retry-After` as seconds or as a date. */
export function retryAfterMs(headers: Headers, now: number): number | undefined {
  const milliseconds = headers.get("retry-after-ms")?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(milliseconds)) return Math.ceil(Number(milliseconds));
  const after = headers.get("retry-after")?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(after)) return Math.ceil(Number(after) * 1000);
  const date = after.endsWith("GMT") ? Date.parse(after) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

interface Trouble {
  /** What the trouble is, as an HTTP status. */
  readonly status: number;
  /** What came, for the message. */
  readonly shown: string;
  readonly said: string;
  readonly code: string;
}

function failure(
  trouble: Trouble,
  body: string,
  headers: Headers,
  asked: Asked,
  counted: { answers?: number; usage?: Usage | undefined },
): AgentError {
  const kind = kindOf(trouble);
  const message = `${lead(kind, trouble.status, asked)} (${trouble.shown}${trouble.said === "" ? "" : `: ${clip(redact(trouble.said, asked))}`})`;
  const wait = kind === "rate_limit" || kind === "server_error" ? retryAfterMs(headers, asked.now()) : undefined;
  const detail = redact(body.trim(), asked).slice(0, LONGEST_DETAIL);
  return new AgentError(kind, redact(message, asked), {
    ...(detail === "" ? {} : { detail }),
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
    ...(counted.answers === undefined ? {} : { answers: counted.answers }),
    ...(counted.usage === undefined ? {} : { usage: counted.usage }),
  });
}

function kindOf({ status, code }: Trouble): FailureKind {
  if (/content_?(filter|policy)/i.test(code)) return "content_filter";
  if (status === 402 || /insufficient_quota|billing/i.test(code)) return "quota";
  if (status === 401 || status === 403) return "auth";
  if (status === 429) return "rate_limit";
  if (status === 408 || status === 409 || status >= 500) return "server_error";
  return "invalid_request";
}

function lead(kind: FailureKind, status: number, { provider, model }: Asked): string {
  const who = provider.name;
  switch (kind) {
    case "content_filter":
      return `${who}: the content filter refused the request; change the prompt`;
    case "quota":
      return `${who}: the account has no credit left`;
    case "auth":
      if (status === 403) return `${who} denies access`;
      return provider.apiKeyEnv === null
        ? `${who} wants a key; name its variable in api_key_env`
        : `${who} refuses the key in ${provider.apiKeyEnv}`;
    case "rate_limit":
      return `${who}: rate limit`;
    case "server_error":
      return `${who}: the server failed`;
    default:
      if (status !== 404) return `${who} refuses the request`;
      if (who === "ollama") return `ollama has no model \`${model}\`; \`ollama pull ${model}\` gets it`;
      return `${who} knows no model \`${model}\` at ${provider.baseUrl}; check model and base_url`;
  }
}

/** The status that an error body under HTTP 200 stands for. */
function statusOf(error: unknown): number {
  const code = Number(asObject(error)?.code);
  if (code >= 400 && code < 600) return code;
  const name = codeOf(error);
  if (/rate_limit/i.test(name)) return 429;
  if (/auth|api_key|permission/i.test(name)) return 401;
  return /invalid_request|not_found/i.test(name) ? 400 : 500;
}

function codeOf(error: unknown): string {
  const { code, type } = asObject(error) ?? {};
  return [code, type].filter((part) => typeof part === "string").join(" ");
}

/** What a person reads in an error body, whichever of the usual places it is in. */
function sentence(error: unknown): string {
  if (typeof error === "string") return error;
  const { message, detail } = asObject(error) ?? {};
  if (typeof message === "string") return message;
  if (typeof detail === "string") return detail;
  return error === undefined || error === null ? "" : JSON.stringify(error);
}

function notJson(text: string, { provider }: Asked): string {
  if (text.trim() === "") return `${provider.name}: the answer is empty`;
  const what = /^\s*</.test(text) ? "HTML" : "something";
  return `${provider.name} answered with ${what} that is not a completion; check base_url ${provider.baseUrl}; it begins with ${quote(text)}`;
}

function readUsage(usage: unknown): Usage | undefined {
  const counts = asObject(usage);
  if (counts === undefined) return undefined;
  const tokens = (value: unknown): number => (typeof value === "number" && value >= 0 ? value : 0);
  return { input_tokens: tokens(counts.prompt_tokens), output_tokens: tokens(counts.completion_tokens), cost: null };
}

interface Root {
  readonly code: string;
  readonly message: string;
  readonly place: string | undefined;
}

/** The innermost error that has a code; of several addresses that were tried, the first. */
function rootOf(thrown: unknown): Root {
  let found: Record<string, unknown> = asObject(thrown) ?? {};
  for (let current: unknown = thrown, depth = 0; current instanceof Error && depth < 8; depth += 1) {
    const error = current as Error & { code?: unknown; errors?: readonly unknown[] };
    if (error.code !== undefined || found.code === undefined) found = error as unknown as Record<string, unknown>;
    current = error.errors?.[0] ?? error.cause;
  }
  const address = textOf(found.address);
  return {
    code: textOf(found.code) ?? "",
    message: textOf(found.message) ?? "an unknown error",
    place: address === undefined ? textOf(found.hostname) : `${address}:${textOf(found.port) ?? ""}`,
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

function connectionMessage({ code, message, place }: Root, { provider }: Asked): string {
  const who = provider.name;
  const hint = RUNNING_HINTS[who] ?? (/\/\/(localhost|127\.|\[::1\])/.test(provider.baseUrl) ? "is the server running?" : "check base_url");
  switch (code) {
    case "ERR_INVALID_URL":
      return `${who}: base_url \`${provider.baseUrl}\` is not a URL`;
    case "ECONNREFUSED":
      return `${who} cannot be reached: ${code} ${place ?? provider.baseUrl} (${hint})`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `${who} cannot be reached: ${code} ${place ?? provider.baseUrl} (check base_url)`;
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return `${who} cannot be reached: ${provider.baseUrl} does not speak TLS (${code}; http instead of https?)`;
    case "UND_ERR_SOCKET":
    case "ECONNRESET":
    case "EPIPE":
      return `${who}: the connection was closed before the answer was complete (${code})`;
    default:
      return `${who} cannot be reached: ${clip(message)}${code === "" ? "" : ` (${code})`}`;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}

function clip(text: string): string {
  const line = text.trim().replace(/\s+/g, " ");
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

function redact(text: string, { key }: Asked): string {
  return key !== null && key.length >= 8 ? text.replaceAll(key, "***") : text;
}
