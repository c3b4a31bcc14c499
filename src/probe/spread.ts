/** Proves that a KV router sends requests past a worker that is busy. */
import { type TimeLimit, timeLimit } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import type { ServingPlan } from '../plan/plan.ts';
import { holdRequest, type HeldRequest } from './held-request.ts';
import { type Asking, poll } from './poll.ts';
import { askRouted, requestTimeoutMs, routedRequest, workersOf } from './routed.ts';

/** What a router knows of load comes a moment late; who else uses the deployment already may stand in the way. */
const settleMs = 30_000;
/** So many requests beside the one that is held must all go elsewhere: taking turns brings one of them to it. */
const others = 3;
/** What is held must outlast them. */
const firstTokens = 64;
const mostTokens = 4_096;
const tooFast = 'not judged: its answers are over too soon';

/**
 * `prompt`: long, as load is counted in blocks of it. Decode workers are not chosen by what they have cached: upstream's
 * router passes them over for the load alone (seen with 1.1.1 and 1.6.1). Rejects with `not-ready` when it does not.
 */
export async function proveSpread(plan: ServingPlan, prompt: string, asking: Asking): Promise<string> {
  let limit: TimeLimit | undefined;
  let [tokens, tries, seen] = [firstTokens, 0, ''];
  const attempt = async (signal: AbortSignal): Promise<{ done: string } | { seen: string }> => {
    if (limit?.isOver() === true) throw neverSpread(plan, seen);
    const { url, body } = routedRequest(plan, `${prompt} ${tries}`, tokens, true);
    const held = await holdRequest(url, { body, timeoutMs: requestTimeoutMs, signal }).catch(
      (error: unknown) => {
        // A model of short contexts refuses so many.
        if (tokens === firstTokens) throw error;
        return undefined;
      },
    );
    if (held === undefined) return { done: tooFast };
    limit ??= timeLimit(settleMs, asking.clock, asking.signal);
    try {
      const outcome = await besides(plan, held, others + tries++, signal);
      if ('done' in outcome) return outcome;
      if (outcome.tooShort) {
        if (tokens >= mostTokens) return { done: tooFast };
        tokens *= 2;
      }
      seen = outcome.seen;
      return { seen };
    } finally {
      held.close();
    }
  };
  try {
    return await poll(attempt, asking);
  } finally {
    limit?.clear();
  }
}

type Outcome = { readonly done: string } | { readonly seen: string; readonly tooShort: boolean };

async function besides(
  plan: ServingPlan,
  held: HeldRequest,
  count: number,
  signal: AbortSignal,
): Promise<Outcome> {
  for (let i = 0; i < count; i++) {
    const { writer } = await askRouted(plan, `${i}`, 1, signal);
    if (writer === undefined) return { done: 'not judged: answers name no worker' };
    const busy = workersOf(held.text()).writer;
    if (busy === undefined || held.ended())
      return { seen: 'a request that was to keep a worker busy had ended', tooShort: true };
    if (writer === busy) return { seen: 'a request went to the one worker that was busy', tooShort: false };
  }
  return { done: `${count} of ${count} requests past the busy worker` };
}

function neverSpread({ runId, processes }: ServingPlan, seen: string): DynamoError {
  const names = processes.filter(({ mode }) => mode === 'decode').map(({ name }) => name);
  return new DynamoError(
    'not-ready',
    `The deployment serves, but its router does not: among ${names.join(' and ')} ${seen}, again and again.`,
    { hint: `dynamo logs frontend --run ${runId}` },
  );
}
