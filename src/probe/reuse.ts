/** Proves that a KV router routes: a long prompt that comes again is answered from a cache. */
import { type TimeLimit, timeLimit } from '../base/time-limit.ts';
import { sumOfSeries } from '../base/metrics-text.ts';
import { DynamoError } from '../base/error.ts';
import type { ServingPlan } from '../plan/plan.ts';
import { proofRequest } from '../plan/proof-request.ts';
import { exchange } from './http.ts';
import { type Asking, poll } from './poll.ts';

/** A real worker needs seconds for a long prompt, one on a CPU a minute. */
const requestTimeoutMs = 600_000;
/** Events of what is cached reach the router a moment after the answer. */
const settleMs = 30_000;
/** A prompt that begins as others do shares a block or two with them. */
const wantedShare = 0.5;

/** In words, what was reused. Rejects with `not-ready` when a prompt that comes again is never served from a cache. */
export async function proveReuse(plan: ServingPlan, asking: Asking): Promise<string> {
  const ask = async (signal: AbortSignal): Promise<Usage> => {
    const { path, body } = proofRequest(
      { ...plan.proof, prompt: longPrompt(plan.runId), maxTokens: 4 },
      plan.model.servedName,
    );
    const answer = await exchange(plan.http.url + path, { body, timeoutMs: requestTimeoutMs, signal });
    if (answer.status !== 200) throw new Error(`HTTP ${answer.status}: ${answer.body.slice(0, 160)}`);
    return usageOf(answer.body);
  };
  // From the first answer on: it may take its time, as may one that is under way when the limit is over.
  let limit: TimeLimit | undefined;
  try {
    return await poll(async (signal) => {
      if (limit?.isOver() === true) throw neverReused(plan);
      const before = await hitRate(plan, signal);
      const { cached, prompt } = await ask(signal);
      const risen = (await hitRate(plan, signal)) - before;
      const again = limit !== undefined;
      limit ??= timeLimit(settleMs, asking.clock, asking.signal);
      if (again && cached >= prompt * wantedShare) return { done: `${cached} of ${prompt} tokens cached` };
      if (again && risen >= wantedShare) return { done: `hit rate ${risen.toFixed(2)}` };
      return {
        seen: `a repeated prompt: ${cached} of ${prompt} tokens cached, hit rate ${risen.toFixed(2)}`,
      };
    }, asking);
  } finally {
    limit?.clear();
  }
}

function neverReused({ runId }: ServingPlan): DynamoError {
  return new DynamoError(
    'not-ready',
    'The deployment serves, but its router does not: a repeated prompt was never answered from a cache.',
    { hint: `dynamo logs --run ${runId}   # do the workers publish KV events? --set approx=true needs none` },
  );
}

interface Usage {
  readonly cached: number;
  readonly prompt: number;
}

/** 1.1 does not say what was cached: there the router's own figures tell. Source: upstream/verified.md section 4. */
function usageOf(text: string): Usage {
  const { usage } = JSON.parse(text) as {
    usage?: { prompt_tokens?: number; prompt_tokens_details?: { cached_tokens?: number } | null };
  };
  return {
    cached: usage?.prompt_tokens_details?.cached_tokens ?? 0,
    prompt: usage?.prompt_tokens ?? Infinity,
  };
}

/** The sum over all requests, each of which adds its share from 0 to 1. */
async function hitRate(plan: ServingPlan, signal: AbortSignal): Promise<number> {
  const { body } = await exchange(`${plan.http.url}/metrics`, { timeoutMs: 5_000, signal });
  return sumOfSeries(body, 'dynamo_component_router_kv_hit_rate_sum');
}

/** Nobody asked it before; longer than several blocks of 64 tokens, and short enough for a capped cache. */
function longPrompt(runId: string): string {
  return Array.from({ length: 120 }, (_, i) => `${runId} ${i}`).join(', ');
}
