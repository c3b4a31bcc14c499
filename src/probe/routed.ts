/** Requests that say which workers took them: with these the routing of each pool of workers is proved. */
import { meanOfHistogram } from '../base/metrics-text.ts';
import type { ServingPlan } from '../plan/plan.ts';
import { proofRequest } from '../plan/proof.ts';
import { exchange } from './http.ts';

/** A real worker needs seconds for a long prompt, one on a CPU a minute. */
export const requestTimeoutMs = 600_000;

export interface Routed {
  /** Absent where the answer does not tell. Beyond 2^53, so text. */
  readonly reader?: string | undefined;
  readonly writer?: string | undefined;
  /** Of the prompt, what was cached where it went: from 0 to 1. Absent where the answer does not tell. */
  readonly share?: number | undefined;
  /** The same in words. */
  readonly found: string;
}

/** The `nvext` of 1.1 to 1.6; others ignore it. Without `ignore_eos` an answer may be over at once. */
export function routedRequest(plan: ServingPlan, prompt: string, maxTokens: number, stream = false) {
  const { path, body } = proofRequest({ ...plan.proof, prompt, maxTokens }, plan.model.servedName);
  const more = { stream, ignore_eos: true, nvext: { extra_fields: ['worker_id', 'timing'] } };
  return { url: plan.http.url + path, body: { ...body, ...more } };
}

/** Rejects when the answer is not 200. */
export async function askRouted(
  plan: ServingPlan,
  prompt: string,
  maxTokens: number,
  signal: AbortSignal,
): Promise<Routed> {
  const { url, body } = routedRequest(plan, prompt, maxTokens);
  const answer = await exchange(url, { body, timeoutMs: requestTimeoutMs, signal });
  if (answer.status !== 200) throw new Error(`HTTP ${answer.status}: ${answer.body.slice(0, 160)}`);
  return { ...workersOf(answer.body), ...shareOf(answer.body) };
}

/** The same where answers do not tell what was cached: the router's own figures do, as a mean over all of its pools. */
export async function askMeasured(
  plan: ServingPlan,
  prompt: string,
  maxTokens: number,
  signal: AbortSignal,
): Promise<Routed> {
  const before = await metricsOf(plan, signal);
  const answer = await askRouted(plan, prompt, maxTokens, signal);
  const after = await metricsOf(plan, signal);
  const risen = meanOfHistogram(before, after, 'dynamo_component_router_kv_hit_rate') ?? 0;
  return { ...answer, share: risen, found: rateText(risen) };
}

/** Out of an answer, or of the events of a stream. */
export function workersOf(text: string): Pick<Routed, 'reader' | 'writer'> {
  const idOf = (role: string): string | undefined =>
    new RegExp(`"${role}_worker_id":\\s*"?(\\d+)`).exec(text)?.[1];
  const writer = idOf('decode');
  return { reader: idOf('prefill') ?? writer, writer };
}

async function metricsOf(plan: ServingPlan, signal: AbortSignal): Promise<string> {
  return (await exchange(`${plan.http.url}/metrics`, { timeoutMs: 5_000, signal })).body;
}

/**
 * What the worker counted, or else what its router expected: 1.1 does not say what was cached, and decode workers of the
 * mocker of 1.6.1 count nothing. Source: docs/upstream/status-and-health.md#cached-tokens.
 */
function shareOf(text: string): Pick<Routed, 'share' | 'found'> {
  const { usage, nvext } = JSON.parse(text) as {
    usage?: { prompt_tokens?: number; prompt_tokens_details?: { cached_tokens?: number } | null };
    nvext?: { timing?: { kv_hit_rate?: number | null } | null } | null;
  };
  const { prompt_tokens: prompt = 0, prompt_tokens_details: details } = usage ?? {};
  const cached = prompt === 0 ? undefined : details?.cached_tokens;
  const expected = nvext?.timing?.kv_hit_rate ?? undefined;
  const counted = cached === undefined ? undefined : cached / prompt;
  if (counted !== undefined && counted >= (expected ?? 0))
    return { share: counted, found: `${cached} of ${prompt} tokens cached` };
  if (expected !== undefined) return { share: expected, found: rateText(expected) };
  return { found: 'the answer does not tell what was cached' };
}

function rateText(rate: number): string {
  return `hit rate ${rate.toFixed(2)}`;
}
