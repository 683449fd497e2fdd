import type { OpenAI } from "openai";
import type { AgentCall, AgentReply } from "../engine/agent.ts";
import type { Clock } from "../engine/clock.ts";
import { AgentError } from "../engine/failure.ts";
import type { LlmCallPlan, ProviderPlan } from "../plan/plan.ts";
import { abortError } from "./abort.ts";
import type { Asked } from "./llm-answer.ts";
import { connectionError, readAnswer, statusError } from "./llm-answer.ts";

export interface LlmOptions {
  /** Where keys are, and what templates in headers see. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For a `Retry-After` that is a date. */
  readonly clock: Pick<Clock, "now">;
  readonly fetch?: typeof globalThis.fetch | undefined;
}

export type CallLlm = (call: AgentCall, plan: LlmCallPlan, signal: AbortSignal) => Promise<AgentReply>;

/** The signal alone limits the time of a call; this is the longest that the client's own timer can wait. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Makes requests to OpenAI-compatible servers, with one client per provider.
 *
 * Contract: a call is one request; no retry, no wait, no limit of its own, since those are the engine's. What is sent is
 * what the file says: nothing of it comes from variables that the client would read by itself.
 *
 * @throws AgentError of any kind that a model call can fail with, `answers` and `usage` included; the reason of an abort;
 * ExpressionError from a template.
 */
export function createLlmCaller(options: LlmOptions): CallLlm {
  const clients = new WeakMap<ProviderPlan, Promise<Client>>();
  return async (call, plan, signal) => {
    const body = { model: plan.model, messages: messages(call, plan), ...sampling(plan) };
    const key = apiKey(plan.provider, options.env);
    const client = clients.get(plan.provider) ?? connect(plan.provider, key, options);
    clients.set(plan.provider, client);
    const { openai, isStatusError } = await client;
    const asked: Asked = { provider: plan.provider, model: plan.model, key, now: () => options.clock.now() };
    let response: Response;
    let text: string;
    try {
      // The answer is taken raw: the client would hand out an error body, or HTML, as if it were a completion.
      response = await openai.chat.completions.create(body, { signal, headers: { "Idempotency-Key": idempotencyKey(call) } }).asResponse();
      text = await response.text();
    } catch (error) {
      if (signal.aborted) throw abortError(signal);
      if (isStatusError(error)) throw statusError(error, asked);
      throw connectionError(error, asked);
    }
    return readAnswer(text, response.headers, asked);
  };
}

interface Client {
  readonly openai: OpenAI;
  isStatusError(error: unknown): error is { status: number; error: unknown; message: string; headers: Headers };
}

async function connect(provider: ProviderPlan, key: string | null, options: LlmOptions): Promise<Client> {
  const defaultHeaders = headers(provider, options.env);
  const { APIError, OpenAI } = await import("openai");
  class Plain extends OpenAI {
    constructor() {
      super({
        baseURL: provider.baseUrl,
        // Without a key the client would look for one itself; servers that need none ignore it.
        apiKey: key ?? "none",
        organization: null,
        project: null,
        maxRetries: 0,
        timeout: NO_TIMEOUT_MS,
        logLevel: "off",
        ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
        fetchOptions: patientFetch(),
      });
      // The client adds the headers of OPENAI_CUSTOM_HEADERS, whatever server this is.
      // oxlint-disable-next-line no-underscore-dangle -- the client's own name
      this._options.defaultHeaders = defaultHeaders;
    }
  }
  return {
    openai: new Plain(),
    isStatusError: (error): error is never => error instanceof APIError && error.status !== undefined,
  };
}

/** Node's fetch gives up after five minutes without a byte, whatever the agent's timeout. This sends through the same connections without that limit. */
function patientFetch(): { dispatcher?: never } {
  const globals = globalThis as { [key: symbol]: { dispatch(options: object, handler: object): boolean } | undefined };
  const symbol = Symbol.for("undici.globalDispatcher.1");
  if (globals[symbol] === undefined) return {};
  const dispatch = (options: object, handler: object): boolean =>
    globals[symbol]?.dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0 }, handler) ?? false;
  return { dispatcher: { dispatch } as never };
}

function apiKey(provider: ProviderPlan, env: LlmOptions["env"]): string | null {
  if (provider.apiKeyEnv === null) return null;
  const key = (env[provider.apiKeyEnv] ?? "").trim();
  if (key === "") throw new AgentError("auth", `${provider.name} needs a key: the variable ${provider.apiKeyEnv} is not set`);
  if (!isHeaderText(key)) throw new AgentError("auth", `the key in ${provider.apiKeyEnv} holds a character that no key has; set it again`);
  return key;
}

function headers(provider: ProviderPlan, env: LlmOptions["env"]): Record<string, string> {
  const scope = { names: {}, state: {}, meta: {}, stages: {}, env };
  return Object.fromEntries(
    provider.headers.map(({ name, value }) => {
      const text = value.renderText(scope);
      if (isHeaderText(text)) return [name, text];
      throw new AgentError(
        "invalid_request",
        `the header ${name} of provider ${provider.name} holds a character that a header cannot carry`,
      );
    }),
  );
}

function isHeaderText(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

function messages(call: AgentCall, plan: LlmCallPlan): { role: "system" | "user"; content: string }[] {
  const user = plan.prompt === null ? JSON.stringify(call.input) : plan.prompt.renderText(call.scope);
  const prompt = { role: "user" as const, content: user };
  return plan.systemPrompt === null ? [prompt] : [{ role: "system", content: plan.systemPrompt.renderText(call.scope) }, prompt];
}

function sampling(plan: LlmCallPlan): Record<string, unknown> {
  const keys = {
    temperature: plan.temperature,
    top_p: plan.topP,
    seed: plan.seed,
    stop: plan.stop,
    [maxTokensField(plan)]: plan.maxTokens,
  };
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== null));
}

/** OpenAI's reasoning models refuse `max_tokens`; other servers may know nothing else. */
function maxTokensField({ provider, model }: LlmCallPlan): "max_tokens" | "max_completion_tokens" {
  if (provider.maxTokensField !== null) return provider.maxTokensField;
  return provider.name === "openai" && /^(ft:)?(o\d|gpt-[5-9])/.test(model) ? "max_completion_tokens" : "max_tokens";
}

/** Grows with each answer, so that a server which honours the key does not repeat a bad one. */
function idempotencyKey(call: AgentCall): string {
  const key = `${call.context.idempotencyKey}/${call.agent.name}.${call.answers + 1}`;
  return key.replace(/[^\x21-\x7e]/gu, encodeURIComponent);
}
