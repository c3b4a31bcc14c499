/**
 * Proves that a KV router routes, each pool of workers by itself: a repeated prompt goes to its cache, others go past
 * a busy worker.
 */
import { type TimeLimit, timeLimit } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import type { ProcessSpec, ServingPlan } from '../plan/plan.ts';
import { type Asking, poll } from './poll.ts';
import { exchange, type HeldRequest, holdRequest } from './http.ts';
import { meanOfHistogram } from '../base/metrics-text.ts';
import { proofRequest } from '../plan/proof.ts';

/** Events of what is cached reach the router a moment after the answer. */
const cacheSettleMs = 30_000;
/** A prompt that begins as others do shares a block or two with them. */
const wantedShare = 0.5;
/** So often it must come back in a row: with two workers that take turns, or with all that hold it, once would be luck. */
const repeats = 3;
const lateMs = 500;

/** In words, what was seen of each pool. Rejects with `not-ready`, and the pool, when its requests are not routed. */
export async function proveReuse(plan: ServingPlan, asking: Asking): Promise<string> {
  const { readers, writers } = poolsOf(plan);
  const found = await proveReaders(plan, readers, asking);
  if (writers.length < 2) return found;
  const spread = await proveSpread(plan, longPrompt(plan.runId, 'held'), asking);
  return `${nameOf(readers)} ${found}, ${nameOf(writers)} ${spread}`;
}

/** `readers` take the prompt and look for its cache; `writers`, where they are others, are chosen by their load. */
function poolsOf({ processes }: ServingPlan) {
  const inMode = (mode: string): ProcessSpec[] => processes.filter((spec) => spec.mode === mode);
  const prefill = inMode('prefill');
  return prefill.length > 0
    ? { readers: prefill, writers: inMode('decode') }
    : { readers: processes.filter(({ kind }) => kind === 'worker'), writers: [] };
}

function nameOf([first]: readonly ProcessSpec[]): string {
  return first?.mode ?? 'workers';
}

/** Each try has a prompt of its own: one that has been everywhere is cached everywhere. */
async function proveReaders(
  plan: ServingPlan,
  readers: readonly ProcessSpec[],
  asking: Asking,
): Promise<string> {
  // From the first answer on: it may take its time, as may one that is under way when the limit is over.
  let limit: TimeLimit | undefined;
  let tries = 0;
  try {
    return await poll(async (signal) => {
      if (limit?.isOver() === true) throw neverReused(plan, readers);
      const prompt = longPrompt(plan.runId, String(tries));
      const first = await askRouted(plan, prompt, 4, signal);
      const ask = first.share === undefined ? askMeasured : askRouted;
      limit ??= timeLimit(cacheSettleMs, asking.clock, asking.signal);
      // What tells the router of it may come late; and luck would have to last longer with every try.
      if (tries > 0) await asking.clock.sleep(lateMs, signal);
      tries++;
      let again: Routed | undefined;
      for (let i = 0; i < repeats + tries - 1; i++) {
        again = await ask(plan, prompt, 4, signal);
        if (again.reader !== first.reader || (again.share ?? 0) < wantedShare)
          return { seen: missed(first, again) };
      }
      return { done: again?.found ?? '' };
    }, asking);
  } finally {
    limit?.clear();
  }
}

function missed(first: Routed, again: Routed): string {
  const where = again.reader === first.reader ? '' : ', on another worker than before';
  return `a repeated prompt: ${again.found}${where}`;
}

function neverReused({ runId, processes }: ServingPlan, readers: readonly ProcessSpec[]): DynamoError {
  const frontend = processes.find(({ kind }) => kind === 'frontend')?.component ?? 'frontend';
  const names = readers.map(({ name }) => name).join(' and ');
  return new DynamoError(
    'not-ready',
    `The deployment serves, but its router does not: among ${names} a repeated prompt was never answered from a cache.`,
    {
      hint:
        `dynamo logs --run ${runId}   # do the workers publish KV events? ` +
        `--set components.${frontend}.router.kvEvents=false needs none`,
    },
  );
}

/** Nobody asked it before; longer than several blocks of 64 tokens, and short enough for a capped cache. */
function longPrompt(runId: string, name: string): string {
  return Array.from({ length: 120 }, (_, i) => `${runId} ${name} ${i}`).join(', ');
}

/** What a router knows of load comes a moment late; who else uses the deployment already may stand in the way. */
const loadSettleMs = 30_000;
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
async function proveSpread(plan: ServingPlan, prompt: string, asking: Asking): Promise<string> {
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
    limit ??= timeLimit(loadSettleMs, asking.clock, asking.signal);
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

/** A real worker needs seconds for a long prompt, one on a CPU a minute. */
const requestTimeoutMs = 600_000;

interface Routed {
  /** Absent where the answer does not tell. Beyond 2^53, so text. */
  readonly reader?: string | undefined;
  readonly writer?: string | undefined;
  /** Of the prompt, what was cached where it went: from 0 to 1. Absent where the answer does not tell. */
  readonly share?: number | undefined;
  /** The same in words. */
  readonly found: string;
}

/** The `nvext` of 1.1 to 1.6; others ignore it. Without `ignore_eos` an answer may be over at once. */
function routedRequest(plan: ServingPlan, prompt: string, maxTokens: number, stream = false) {
  const { path, body } = proofRequest({ ...plan.proof, prompt, maxTokens }, plan.model.servedName);
  const more = { stream, ignore_eos: true, nvext: { extra_fields: ['worker_id', 'timing'] } };
  return { url: plan.http.url + path, body: { ...body, ...more } };
}

/** Rejects when the answer is not 200. */
async function askRouted(
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
async function askMeasured(
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
function workersOf(text: string): Pick<Routed, 'reader' | 'writer'> {
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
