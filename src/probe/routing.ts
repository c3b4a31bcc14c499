/**
 * Proves that a KV router routes, each pool of workers by itself: a repeated prompt goes to its cache, others go past
 * a busy worker.
 */
import { type TimeLimit, timeLimit } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import type { Provable } from '../plan/plan.ts';
import { type Asking, poll } from './poll.ts';
import { exchange, type StreamedRequest, streamRequest } from './http.ts';
import { meanOfHistogram } from '../base/metrics-text.ts';
import { proofRequest } from '../plan/proof.ts';

/** Cache events reach the router a moment after the answer. */
const cacheSettleMs = 30_000;
/** A prompt with the same beginning as others shares a block or two with them. */
const wantedShare = 0.5;
/** How often in a row a prompt must return to its worker: with round robin between two workers, once would be luck. */
const repeats = 3;
const lateMs = 500;

/** What was seen for each pool, in words. Rejects with `not-ready`, naming the pool, if its requests are not routed. */
export async function proveReuse(plan: Provable, asking: Asking): Promise<string> {
  const { readers, writers } = poolsOf(plan);
  const found = await proveReaders(plan, readers, asking);
  if (writers.length < 2) return found;
  const spread = await proveSpread(plan, longPrompt(plan.runId, 'held'), asking);
  return `${nameOf(readers)} ${found}, ${nameOf(writers)} ${spread}`;
}

/** `readers` are chosen by the cached prompt; `writers`, if they are different workers, by their load. */
function poolsOf({ processes }: Provable) {
  const inMode = (mode: string): Provable['processes'][number][] =>
    processes.filter((spec) => spec.mode === mode);
  const prefill = inMode('prefill');
  return prefill.length > 0
    ? { readers: prefill, writers: inMode('decode') }
    : { readers: processes.filter(({ kind }) => kind === 'worker'), writers: [] };
}

function nameOf([first]: readonly Provable['processes'][number][]): string {
  return first?.mode ?? 'workers';
}

/** Each try uses a new prompt: an old one may be cached by every worker. */
async function proveReaders(
  plan: Provable,
  readers: readonly Provable['processes'][number][],
  asking: Asking,
): Promise<string> {
  // Starts with the first answer, which may be slow; a request in progress may finish after the limit.
  let limit: TimeLimit | undefined;
  let tries = 0;
  try {
    return await poll(async (signal) => {
      if (limit?.isOver() === true) throw neverReused(plan, readers);
      const prompt = longPrompt(plan.runId, String(tries));
      const first = await askRouted(plan, prompt, 4, signal);
      const ask = first.share === undefined ? askMeasured : askRouted;
      limit ??= timeLimit(cacheSettleMs, asking.clock, asking.signal);
      // Cache events may be late; and with every try, success by luck becomes less likely.
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

function neverReused(
  { runId, processes }: Provable,
  readers: readonly Provable['processes'][number][],
): DynamoError {
  const frontend = processes.find(({ kind }) => kind === 'frontend')?.component ?? 'frontend';
  const names = readers.map(({ name }) => name).join(' and ');
  return new DynamoError(
    'not-ready',
    `The deployment serves, but its KV router does not work: a repeated prompt was never answered from the cache of ${names}.`,
    {
      hint:
        `dynamo logs --run ${runId}   # do the workers publish KV events? ` +
        `--set components.${frontend}.router.kvEvents=false needs none`,
      fields: { runId, processes: readers.map(({ name }) => name) },
    },
  );
}

/** A new prompt, longer than several blocks of 64 tokens, and short enough for a limited cache. */
function longPrompt(runId: string, name: string): string {
  return Array.from({ length: 120 }, (_, i) => `${runId} ${name} ${i}`).join(', ');
}

/** The router sees load with a delay, and other users of the deployment may disturb the test. */
const loadSettleMs = 30_000;
/** This many requests must all go to other workers than the busy one: with round robin, one of them would go to it. */
const others = 3;
/** The request that keeps the worker busy must outlast them. */
const firstTokens = 64;
const mostTokens = 4_096;
const tooFast = 'not tested: its answers end too soon';

/**
 * Proves that the router avoids a busy worker. `prompt`: long, because load is counted in its blocks. Upstream's router chooses
 * decode workers by load, not by what they have cached (seen with 1.1.1 and 1.6.1). Rejects with `not-ready` if it does not.
 */
async function proveSpread(plan: Provable, prompt: string, asking: Asking): Promise<string> {
  let limit: TimeLimit | undefined;
  let [tokens, tries, seen] = [firstTokens, 0, ''];
  const attempt = async (signal: AbortSignal): Promise<{ done: string } | { seen: string }> => {
    if (limit?.isOver() === true) throw neverSpread(plan, seen);
    const { url, body } = routedRequest(plan, `${prompt} ${tries}`, tokens, true);
    const held = await streamRequest(url, { body, timeoutMs: requestTimeoutMs, signal }).catch(
      (error: unknown) => {
        // A model with a short context refuses so many tokens.
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
      // A later attempt may only have been too short: what a request did says more.
      if (!outcome.tooShort || seen === '') seen = outcome.seen;
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
  plan: Provable,
  held: StreamedRequest,
  count: number,
  signal: AbortSignal,
): Promise<Outcome> {
  for (let i = 0; i < count; i++) {
    const { writer } = await askRouted(plan, `${i}`, 1, signal);
    if (writer === undefined) return { done: 'not tested: answers do not name the worker' };
    const busy = workersOf(held.text()).writer;
    if (busy === undefined || held.ended())
      return { seen: 'the request that should keep a worker busy had ended', tooShort: true };
    if (writer === busy) return { seen: 'a request went to the busy worker', tooShort: false };
  }
  return { done: `${count} of ${count} requests avoided the busy worker` };
}

function neverSpread({ runId, processes }: Provable, seen: string): DynamoError {
  const names = processes.filter(({ mode }) => mode === 'decode').map(({ name }) => name);
  return new DynamoError(
    'not-ready',
    `The deployment serves, but its KV router does not work: with ${names.join(' and ')}, ${seen}, repeatedly.`,
    { hint: `dynamo logs frontend --run ${runId}`, fields: { runId, processes: names } },
  );
}

/** A real worker takes seconds for a long prompt, and a minute on a CPU. */
const requestTimeoutMs = 600_000;

interface Routed {
  /** Absent if the answer does not contain it. Text, because it exceeds 2^53. */
  readonly reader?: string | undefined;
  readonly writer?: string | undefined;
  /** The share of the prompt that the worker had cached: from 0 to 1. Absent if the answer does not contain it. */
  readonly share?: number | undefined;
  /** The same in words. */
  readonly found: string;
}

/** The `nvext` of 1.1 to 1.6; other versions ignore it. Without `ignore_eos`, an answer may end immediately. */
function routedRequest(plan: Provable, prompt: string, maxTokens: number, stream = false) {
  const { path, body } = proofRequest({ ...plan.proof, prompt, maxTokens }, plan.model.servedName);
  const more = { stream, ignore_eos: true, nvext: { extra_fields: ['worker_id', 'timing'] } };
  return { url: plan.http.url + path, body: { ...body, ...more } };
}

/** Rejects if the answer is not 200. */
async function askRouted(
  plan: Provable,
  prompt: string,
  maxTokens: number,
  signal: AbortSignal,
): Promise<Routed> {
  const { url, body } = routedRequest(plan, prompt, maxTokens);
  const answer = await exchange(url, { body, timeoutMs: requestTimeoutMs, signal });
  if (answer.status !== 200) throw new Error(`HTTP ${answer.status}: ${answer.body.slice(0, 160)}`);
  return { ...workersOf(answer.body), ...shareOf(answer.body) };
}

/** The same if answers do not say what was cached: uses the router's metrics, a mean over all of its pools. */
async function askMeasured(
  plan: Provable,
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

/** From an answer, or from the events of a stream. */
function workersOf(text: string): Pick<Routed, 'reader' | 'writer'> {
  const idOf = (role: string): string | undefined =>
    new RegExp(`"${role}_worker_id":\\s*"?(\\d+)`).exec(text)?.[1];
  const writer = idOf('decode');
  return { reader: idOf('prefill') ?? writer, writer };
}

async function metricsOf(plan: Provable, signal: AbortSignal): Promise<string> {
  return (await exchange(`${plan.http.url}/metrics`, { timeoutMs: 5_000, signal })).body;
}

/**
 * What the worker counted, or else what its router expected: 1.1 does not report cached tokens, and decode workers of the
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
  return { found: 'the answer does not say what was cached' };
}

function rateText(rate: number): string {
  return `hit rate ${rate.toFixed(2)}`;
}
