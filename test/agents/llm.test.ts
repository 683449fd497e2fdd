import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { LlmCallPlan, ProviderPlan } from "../../src/plan/plan.ts";
import { AgentError, toFailure } from "../../src/engine/failure.ts";
import type { CallOptions } from "./calls.ts";
import { callOf, failureOf, llmPlan, template, testRunner } from "./calls.ts";
import type { Behaviour, ModelServer } from "./model-server.ts";
import { answer, completion, startModelServer } from "./model-server.ts";

const KEY = "sk-test-0123456789abcdef";
const NOW = Date.parse("2026-01-01T00:00:00Z");
const USAGE = { input_tokens: 12, output_tokens: 3, cost: null };

let server: ModelServer;
const runner = testRunner({ env: { OPENAI_API_KEY: KEY, TENANT: "north" }, now: NOW });
beforeAll(async () => {
  server = await startModelServer();
});
afterAll(async () => {
  await runner.close();
  await server.close();
});

function ask(provider: Partial<ProviderPlan> = {}, changes: Partial<LlmCallPlan> = {}, options: CallOptions = {}) {
  return runner.call(callOf(llmPlan({ baseUrl: server.baseUrl, ...provider }, changes), { name: "analyzer", ...options }));
}

/** The body of the request that a call makes. */
async function sent(provider: Partial<ProviderPlan>, changes: Partial<LlmCallPlan>, options: CallOptions = {}): Promise<unknown> {
  server.behave(completion("ok"));
  await ask(provider, changes, options);
  return server.received.at(-1)?.body;
}

describe("a request", () => {
  const user = { role: "user", content: "hello" };
  const requests: readonly [sentence: string, provider: Partial<ProviderPlan>, changes: Partial<LlmCallPlan>, body: unknown][] = [
    ["only the prompt, and nothing that is not set", {}, {}, { model: "gpt-4o-mini", messages: [user] }],
    [
      "row 45: a system prompt of several lines comes first",
      {},
      { systemPrompt: template("You are an analyst.\nBe brief.") },
      { model: "gpt-4o-mini", messages: [{ role: "system", content: "You are an analyst.\nBe brief." }, user] },
    ],
    [
      "rows 46, 47: what is set is sent, 0 as well",
      {},
      { temperature: 0, topP: 0, seed: 0, maxTokens: 800, stop: ["END"] },
      { model: "gpt-4o-mini", messages: [user], temperature: 0, top_p: 0, seed: 0, max_tokens: 800, stop: ["END"] },
    ],
    [
      "OpenAI's reasoning models have another name for max_tokens",
      {},
      { model: "gpt-5-mini", maxTokens: 9 },
      { model: "gpt-5-mini", messages: [user], max_completion_tokens: 9 },
    ],
    ["of every generation", {}, { model: "o4-mini", maxTokens: 9 }, { model: "o4-mini", messages: [user], max_completion_tokens: 9 }],
    [
      "the same model elsewhere does not",
      { name: "openrouter" },
      { model: "gpt-5-mini", maxTokens: 9 },
      { model: "gpt-5-mini", messages: [user], max_tokens: 9 },
    ],
    [
      "max_tokens_field decides",
      { maxTokensField: "max_tokens" },
      { model: "o3", maxTokens: 9 },
      { model: "o3", messages: [user], max_tokens: 9 },
    ],
    [
      "max_tokens_field decides, the other way round",
      { name: "mine", maxTokensField: "max_completion_tokens" },
      { maxTokens: 9 },
      { model: "gpt-4o-mini", messages: [user], max_completion_tokens: 9 },
    ],
  ];
  test.each(requests)("%s", async (_sentence, provider, changes, body) => {
    expect(await sent(provider, changes)).toEqual(body);
  });

  test("row 50: prompts are rendered over the input; without one the input goes in as JSON", async () => {
    const input = { rows: [1, 2], note: "ü" };
    const prompt = template((scope) => `Rows: ${JSON.stringify(scope.names.rows)}`);
    expect(await sent({}, { prompt }, { input })).toMatchObject({ messages: [{ role: "user", content: "Rows: [1,2]" }] });
    expect(await sent({}, { prompt: null }, { input })).toMatchObject({
      messages: [{ role: "user", content: '{"rows":[1,2],"note":"ü"}' }],
    });
  });

  test("row 48: the key and the headers of the provider go where it says, and nothing else", async () => {
    for (const name of ["OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"])
      vi.stubEnv(name, "https://elsewhere.invalid");
    vi.stubEnv("OPENAI_CUSTOM_HEADERS", "X-Elsewhere: leak");
    server.behave(completion("ok"));
    const header = { name: "X-Tenant", value: template((scope) => String(scope.env?.TENANT)) };
    await ask({ headers: [header] }, {}, { answers: 2, context: { idempotencyKey: "Lauf ü/fetch~1" } });
    const { path, headers } = server.received.at(-1) ?? {};
    expect(path).toBe("/v1/chat/completions");
    const ordinary = /^(x-stainless-|accept|connection$|content-|host$|sec-fetch-mode$|user-agent$)/;
    expect(Object.fromEntries(Object.entries(headers ?? {}).filter(([name]) => !ordinary.test(name)))).toEqual({
      authorization: `Bearer ${KEY}`,
      "x-tenant": "north",
      "idempotency-key": "Lauf%20%C3%BC/fetch~1/analyzer.3",
    });
  });
  afterEach(() => vi.unstubAllEnvs());

  test("a server that needs no key gets a placeholder, and its own header where it has one", async () => {
    server.behave(completion("ok"));
    await ask({ name: "ollama", apiKeyEnv: null });
    expect(server.received.at(-1)?.headers.authorization).toBe("Bearer none");
    await ask({ name: "azure", apiKeyEnv: null, headers: [{ name: "Authorization", value: template("Own") }] });
    expect(server.received.at(-1)?.headers.authorization).toBe("Own");
  });

  test("a key is trimmed, as files have line ends", async () => {
    server.behave(completion("ok"));
    const own = testRunner({ env: { OPENAI_API_KEY: ` ${KEY}\r\n` } });
    await own.call(callOf(llmPlan({ baseUrl: server.baseUrl })));
    expect(server.received.at(-1)?.headers.authorization).toBe(`Bearer ${KEY}`);
  });

  const unsent: readonly [sentence: string, env: Record<string, string | undefined>, headers: ProviderPlan["headers"], failure: object][] =
    [
      ["without its key", {}, [], { kind: "auth", message: "openai needs a key: the variable OPENAI_API_KEY is not set" }],
      [
        "with an empty key",
        { OPENAI_API_KEY: " " },
        [],
        { kind: "auth", message: "openai needs a key: the variable OPENAI_API_KEY is not set" },
      ],
      [
        "with a key that no header carries, which is not shown",
        { OPENAI_API_KEY: "sk-…" },
        [],
        { kind: "auth", message: "the key in OPENAI_API_KEY holds a character that no key has; set it again" },
      ],
      [
        "with a header of two lines, which is not shown",
        { OPENAI_API_KEY: KEY },
        [{ name: "X-Token", value: template("secret\nX-Other: 1") }],
        { kind: "invalid_request", message: "the header X-Token of provider openai holds a character that a header cannot carry" },
      ],
    ];
  test.each(unsent)("is not sent %s", async (_sentence, env, headers, failure) => {
    const before = server.received.length;
    expect(await failureOf(testRunner({ env }).call(callOf(llmPlan({ baseUrl: server.baseUrl, headers }))))).toMatchObject(failure);
    expect(server.received.length).toBe(before);
  });
});

describe("an answer", () => {
  test("is the text, with its tokens", async () => {
    server.behave(completion(" Sales grew.\n"));
    expect(await ask()).toEqual({ output: " Sales grew.\n", usage: USAGE });
  });

  test("may come without usage, with an unknown finish_reason, and as another content type", async () => {
    const body = JSON.stringify({ choices: [{ message: { content: "ok" }, finish_reason: "eos" }] });
    server.behave(answer(200, body, { "content-type": "text/plain" }));
    expect(await ask()).toEqual({ output: "ok" });
  });

  const refused: readonly [sentence: string, behaviour: Behaviour, failure: object][] = [
    [
      "cut off at the limit",
      completion("Sales gr", { finish_reason: "length" }),
      {
        kind: "truncated",
        message: "openai: the answer was cut off at the limit of tokens; raise max_tokens, or ask for less",
        usage: USAGE,
      },
    ],
    [
      "stopped by the content filter",
      completion("", { finish_reason: "content_filter" }),
      { kind: "content_filter", message: "openai: the content filter stopped the answer; change the prompt", usage: USAGE },
    ],
    [
      "a refusal",
      completion(null, { message: { content: null, refusal: "I cannot help with that." } }),
      { kind: "content_filter", message: "openai: the model refuses: I cannot help with that.", usage: USAGE },
    ],
    ["empty", completion(" \n"), { kind: "invalid_output", message: "openai: the answer is empty", usage: USAGE }],
    ["null", completion(null), { kind: "invalid_output", message: "openai: the answer is empty", usage: USAGE }],
    [
      "without finish_reason",
      completion("Sales gr", { finish_reason: null }),
      { kind: "invalid_output", message: "openai: the answer has no finish_reason, so it may not be complete", usage: USAGE },
    ],
    [
      "that the server gave up",
      completion("Sales gr", { finish_reason: "error" }),
      { kind: "server_error", message: "openai: the server failed while it answered", usage: USAGE },
    ],
    [
      "without choices",
      answer(200, { object: "chat.completion", choices: [] }),
      {
        kind: "invalid_output",
        message: 'openai: the answer has no choices; it begins with "{\\"object\\":\\"chat.completion\\",\\"choices\\":[]}"',
      },
    ],
    ["that is a list", answer(200, [1]), { kind: "invalid_output" }],
    [
      "that is HTML",
      answer(200, "<!doctype html>\n<title>Log in</title>"),
      {
        kind: "invalid_output",
        message:
          'openai answered with HTML that is not a completion; check base_url BASE; it begins with "<!doctype html> <title>Log in</title>"',
      },
    ],
    ["that is nothing", answer(200, ""), { kind: "invalid_output", message: "openai: the answer is empty" }],
    [
      "that is half of a JSON",
      answer(200, '{"choices": [{"mess', { "content-type": "application/json" }),
      {
        kind: "invalid_output",
        message: 'openai answered with something that is not a completion; check base_url BASE; it begins with "{\\"choices\\": [{\\"mess"',
      },
    ],
    [
      "an error with a status inside",
      answer(200, { error: { code: 502, message: "upstream is gone" } }),
      { kind: "server_error", message: "openai: the server failed (200 with an error: upstream is gone)" },
    ],
    [
      "an error with a rate limit inside",
      answer(200, { error: { code: "rate_limit_exceeded", message: "slow down" } }, { "retry-after": "7" }),
      { kind: "rate_limit", message: "openai: rate limit (200 with an error: slow down)", retryAfterMs: 7_000 },
    ],
    [
      "an error in the choice",
      completion("Sales gr", { error: { code: 429, message: "slow down" } }),
      { kind: "rate_limit", message: "openai: rate limit (200 with an error: slow down)", usage: USAGE },
    ],
    [
      "an error of an unknown form",
      answer(200, { error: "overloaded" }),
      { kind: "server_error", message: "openai: the server failed (200 with an error: overloaded)" },
    ],
  ];
  test.each(refused)("is refused: %s", async (_sentence, behaviour, failure) => {
    server.behave(behaviour);
    const error = await failureOf(ask());
    const expected = Object.fromEntries(
      Object.entries(failure).map(([key, value]) => [key, typeof value === "string" ? value.replace("BASE", server.baseUrl) : value]),
    );
    expect(error).toMatchObject({ answers: 1, ...expected });
  });
});

describe("an error status", () => {
  const said = (message: string, more: object = {}): object => ({ error: { message, ...more } });
  const statuses: readonly [sentence: string, behaviour: Behaviour, provider: Partial<ProviderPlan>, failure: object][] = [
    [
      "401: the key is wrong, and the key is not shown",
      answer(401, said(`Incorrect API key provided: ${KEY}.`)),
      {},
      {
        kind: "auth",
        message: "openai refuses the key in OPENAI_API_KEY (401: Incorrect API key provided: ***.)",
        detail: '{"message":"Incorrect API key provided: ***."}',
      },
    ],
    [
      "401: a key is missing",
      answer(401, said("No auth.")),
      { name: "mine", apiKeyEnv: null },
      { kind: "auth", message: "mine wants a key; name its variable in api_key_env (401: No auth.)" },
    ],
    ["403", answer(403, said("Country not supported")), {}, { kind: "auth", message: "openai denies access (403: Country not supported)" }],
    ["402", answer(402, said("Add credits")), {}, { kind: "quota", message: "openai: the account has no credit left (402: Add credits)" }],
    [
      "429 because of the quota is no rate limit",
      answer(429, said("You exceeded your current quota", { code: "insufficient_quota", type: "insufficient_quota" }), {
        "retry-after": "1",
      }),
      {},
      { kind: "quota", message: "openai: the account has no credit left (429: You exceeded your current quota)", retryAfterMs: undefined },
    ],
    [
      "404",
      answer(404, said("no such model")),
      {},
      { kind: "invalid_request", message: "openai knows no model `gpt-4o-mini` at BASE; check model and base_url (404: no such model)" },
    ],
    [
      "404 of Ollama",
      answer(404, { error: "model 'gpt-4o-mini' not found" }),
      { name: "ollama", apiKeyEnv: null },
      {
        kind: "invalid_request",
        message: "ollama has no model `gpt-4o-mini`; `ollama pull gpt-4o-mini` gets it (404: model 'gpt-4o-mini' not found)",
      },
    ],
    [
      "404 of an older vLLM, whose error is the body",
      answer(404, { object: "error", message: "The model does not exist.", type: "NotFoundError", code: 404 }),
      { name: "vllm" },
      {
        kind: "invalid_request",
        message: "vllm knows no model `gpt-4o-mini` at BASE; check model and base_url (404: The model does not exist.)",
      },
    ],
    [
      "400",
      answer(400, said("'temperature' is too large")),
      {},
      { kind: "invalid_request", message: "openai refuses the request (400: 'temperature' is too large)" },
    ],
    [
      "422, with details",
      answer(422, { detail: "field required" }),
      {},
      { kind: "invalid_request", message: "openai refuses the request (422: field required)" },
    ],
    [
      "400 by the content filter",
      answer(400, said("The response was filtered", { code: "content_filter" })),
      {},
      {
        kind: "content_filter",
        message: "openai: the content filter refused the request; change the prompt (400: The response was filtered)",
      },
    ],
    ["408", answer(408, said("too slow")), {}, { kind: "server_error", message: "openai: the server failed (408: too slow)" }],
    ["409", answer(409, said("locked")), {}, { kind: "server_error", message: "openai: the server failed (409: locked)" }],
    ["500 without a body", answer(500, ""), {}, { kind: "server_error", message: "openai: the server failed (500)", detail: undefined }],
    [
      "502 as HTML",
      answer(502, "<h1>Bad\nGateway</h1>"),
      {},
      { kind: "server_error", message: 'openai: the server failed (502: "<h1>Bad Gateway</h1>")', detail: "<h1>Bad\nGateway</h1>" },
    ],
    [
      "503 while the model is loaded",
      answer(503, { error: { code: 503, message: "Loading model", type: "unavailable_error" } }, { "retry-after": "2" }),
      { name: "llamacpp", apiKeyEnv: null },
      { kind: "server_error", message: "llamacpp: the server failed (503: Loading model)", retryAfterMs: 2_000 },
    ],
    [
      "429 without a time",
      answer(429, said("slow down")),
      {},
      { kind: "rate_limit", message: "openai: rate limit (429: slow down)", retryAfterMs: undefined },
    ],
    ["429 with 90 seconds", answer(429, said("slow down"), { "retry-after": "90" }), {}, { kind: "rate_limit", retryAfterMs: 90_000 }],
  ];
  test.each(statuses)("%s", async (_sentence, behaviour, provider, failure) => {
    server.behave(behaviour);
    const before = server.received.length;
    const error = await failureOf(ask(provider));
    const expected = Object.fromEntries(
      Object.entries(failure).map(([key, value]) => [key, typeof value === "string" ? value.replace("BASE", server.baseUrl) : value]),
    );
    expect(error).toMatchObject({ answers: 0, ...expected });
    expect(server.received.length).toBe(before + 1); // the client does not retry by itself
    expect(JSON.stringify(toFailure(error))).not.toContain(KEY);
  });
});

describe("a connection", () => {
  test("that is refused says by whom", async () => {
    const closed = await startModelServer();
    await closed.close();
    const place = new URL(closed.baseUrl).host;
    const hints: readonly [name: string, hint: string][] = [
      ["ollama", "is Ollama running?"],
      ["mine", "is the server running?"],
    ];
    for (const [name, hint] of hints) {
      expect(await failureOf(ask({ name, baseUrl: closed.baseUrl }))).toMatchObject({
        kind: "connection",
        message: `${name} cannot be reached: ECONNREFUSED ${place} (${hint})`,
      });
    }
  });

  test("to a name that does not exist", async () => {
    const error = await failureOf(ask({ baseUrl: "http://no-such-host.invalid/v1" }));
    expect(error.kind).toBe("connection");
    expect(error.message).toMatch(/^openai cannot be reached: (ENOTFOUND|EAI_AGAIN) no-such-host.invalid \(check base_url\)$/);
  });

  test("to a server that does not speak TLS", async () => {
    const baseUrl = server.baseUrl.replace("http:", "https:");
    expect(await failureOf(ask({ baseUrl }))).toMatchObject({
      kind: "connection",
      message: `openai cannot be reached: ${baseUrl} does not speak TLS (ERR_SSL_WRONG_VERSION_NUMBER; http instead of https?)`,
    });
  });

  test("to what is not a URL", async () => {
    expect(await failureOf(ask({ baseUrl: "localhost" }))).toMatchObject({
      kind: "invalid_request",
      message: "openai: base_url `localhost` is not a URL",
    });
  });

  const broken: readonly [sentence: string, behaviour: Behaviour][] = [
    ["that is closed before the headers", (response) => response.destroy()],
    ["that is reset before the headers", (response) => response.socket?.resetAndDestroy()],
    [
      "that is cut in the body",
      (response) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
        response.write('{"choices": [', () => response.destroy());
      },
    ],
    [
      "that is reset in a chunked body",
      (response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.write('{"choices": [', () => response.socket?.resetAndDestroy());
      },
    ],
  ];
  test.each(broken)("%s", async (_sentence, behaviour) => {
    server.behave(behaviour);
    const error = await failureOf(ask());
    expect(error.kind).toBe("connection");
    expect(error.message).toMatch(/^openai: the connection was closed before the answer was complete \((UND_ERR_SOCKET|ECONNRESET)\)$/);
  });

  const stalls: readonly [sentence: string, behaviour: Behaviour][] = [
    ["before the headers", () => {}],
    [
      "in the body",
      (response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.write('{"choices": [');
      },
    ],
    [
      "in the body of an error",
      (response) => {
        response.writeHead(500, { "content-type": "application/json" });
        response.write('{"error": ');
      },
    ],
  ];
  test.each(stalls)("row 126: that stalls %s ends with its signal, on the server's side too", async (_sentence, behaviour) => {
    const controller = new AbortController();
    const closed = new Promise<void>((resolve) => {
      server.behave((response, request) => {
        request.socket.once("close", resolve);
        behaviour(response, request);
        setTimeout(() => controller.abort(new AgentError("timeout", "too slow")), 30);
      });
    });
    expect(await failureOf(ask({}, {}, { signal: controller.signal }))).toMatchObject({ kind: "timeout", message: "too slow" });
    await closed;
  });

  test("closing the runner ends a request that is under way", async () => {
    const own = testRunner({ env: { OPENAI_API_KEY: KEY } });
    server.behave(() => void own.close());
    expect((await failureOf(own.call(callOf(llmPlan({ baseUrl: server.baseUrl }))))).kind).toBe("cancelled");
  });

  test("may be silent for longer than Node's fetch allows: the agent's timeout is the only one", async () => {
    const symbol = Symbol.for("undici.globalDispatcher.1");
    const globals = globalThis as unknown as { [key: symbol]: { dispatch(options: object, handler: object): boolean } };
    const original = globals[symbol];
    if (original === undefined) throw new Error("this Node has another connection pool");
    const limits: object[] = [];
    globals[symbol] = {
      dispatch(options, handler) {
        const { headersTimeout, bodyTimeout } = options as { headersTimeout?: number; bodyTimeout?: number };
        limits.push({ headersTimeout, bodyTimeout });
        return original.dispatch(options, handler);
      },
    };
    try {
      server.behave(completion("ok"));
      await ask();
    } finally {
      globals[symbol] = original;
    }
    expect(limits).toEqual([{ headersTimeout: 0, bodyTimeout: 0 }]);
  });
});
