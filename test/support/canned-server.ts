import type { Json, Plan } from "../../src/index.ts";

/** One request to the model server. */
export interface ModelRequest {
  readonly agent: string;
  readonly body: { readonly messages: readonly { readonly role: string; readonly content: string }[]; readonly [key: string]: unknown };
}

/** A model server without a network: `fetch` answers each agent, and `requests` is what was asked, in order. */
export interface CannedServer {
  readonly fetch: typeof globalThis.fetch;
  readonly requests: readonly ModelRequest[];
}

/**
 * A model server that says what the canned agents of a plan say, one reply after the other; the last one repeats.
 *
 * An agent that fails as `quota`, or is named in `withoutCredit`, is told that the account has no credit left.
 */
export function cannedServer(plan: Plan, withoutCredit: readonly string[] = []): CannedServer {
  const requests: ModelRequest[] = [];
  const answer = (agent: string): Response => {
    const call = plan.agents.get(agent)?.call;
    if (call?.type !== "canned") throw new Error(`${agent} asks a model in one file, and is not canned in the other`);
    if (call.fail === "quota" || withoutCredit.includes(agent)) return noCredit();
    const turn = requests.filter((request) => request.agent === agent).length;
    return completion(call.replies[Math.min(turn, call.replies.length) - 1]);
  };
  const fetch: typeof globalThis.fetch = async (_url, init) => {
    // `RUN/STAGE~VISIT/AGENT.NUMBER`
    const key = new Headers(init?.headers).get("idempotency-key") ?? "";
    const agent = key.slice(key.lastIndexOf("/") + 1, key.lastIndexOf("."));
    if (typeof init?.body !== "string") throw new Error("the client sent something else than a text");
    requests.push({ agent, body: JSON.parse(init.body) as ModelRequest["body"] });
    return answer(agent);
  };
  return { fetch, requests };
}

function completion(content: Json | undefined): Response {
  const choice = { index: 0, finish_reason: "stop", message: { role: "assistant", content } };
  return Response.json({ choices: [choice], usage: { prompt_tokens: 10, completion_tokens: 5 } });
}

function noCredit(): Response {
  return Response.json({ error: { message: "no credit left", type: "insufficient_quota", code: "insufficient_quota" } }, { status: 429 });
}
