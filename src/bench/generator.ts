/** The load generator: learns how the server counts tokens, warms it up, and applies the load of a point. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import type { Answered, Exchange, Measured, OwnLoad } from './figures.ts';
import { type Answer, type BenchTarget, createSender, type Sender } from './send.ts';
import { quantile } from './statistics.ts';
import {
  fitTokens,
  type Load,
  oneTokenAWord,
  type Place,
  plannedRequests,
  type PlannedRequest,
  promptText,
  requestCount,
  type TokenFit,
  warmUpRequests,
} from './workload.ts';

/** How a server wants to be asked. */
export interface Manners {
  readonly fit: TokenFit;
  /** It takes the fields that make answers exactly as long as asked. */
  readonly fullLength: boolean;
  /** Its answers say that they are simulated. */
  readonly simulated: boolean;
  /** What a reader of the figures should know. */
  readonly notes: readonly string[];
}

export interface Limits {
  readonly requestTimeoutMs: number;
  /** No request of a point is sent later than this. */
  readonly pointTimeoutMs: number;
}

export interface Progress {
  readonly sent: number;
  readonly done: number;
  readonly errors: number;
  readonly total: number | undefined;
}

const fewWords = 16;
const learningTokens = 24;

/** What the embedded engine begins its answers with, also behind a URL. Source: docs/sim.md. */
const simulatedAnswer = /simulated answer/;

/** Throws `unavailable` when the server does not answer a plain request. */
export async function learnManners(
  target: BenchTarget,
  load: Load,
  limits: Limits,
  signal: AbortSignal,
): Promise<Manners> {
  const sender = createSender(target, limits.requestTimeoutMs, signal);
  let fullLength = true;
  const ask = async (words: number): Promise<Answer & { ok: true }> => {
    const text = promptText({ isl: words, osl: 1, parts: [{ seed: words, tokens: words }] }, oneTokenAWord);
    const answer = await sender.send(text, learningTokens, lengthFields(fullLength, learningTokens));
    if (answer.ok) return answer;
    if (answer.status === 400 && fullLength) {
      fullLength = false;
      return await ask(words);
    }
    signal.throwIfAborted();
    throw noAnswer(target, answer.why);
  };
  try {
    const few = await ask(fewWords);
    const takesLength = fullLength && few.completionTokens >= learningTokens;
    const words = Math.max(fewWords + 1, longestPrompt(load));
    const many = await ask(words);
    const counts = few.promptTokens > 0 && many.promptTokens > few.promptTokens;
    return {
      fit: counts ? fitTokens([fewWords, few.promptTokens], [words, many.promptTokens]) : oneTokenAWord,
      fullLength: takesLength,
      simulated: simulatedAnswer.test(few.beginning),
      notes: [
        ...(counts
          ? []
          : ['The server does not count prompt tokens: a prompt has one word for each token asked for.']),
        ...(takesLength
          ? []
          : ['The server does not take ignore_eos and min_tokens: answers may be shorter than asked for.']),
        ...(few.counted === 'by pieces'
          ? ['The server does not count answer tokens: pieces of the stream were counted instead.']
          : []),
      ],
    };
  } finally {
    sender.end();
  }
}

/** Fields beyond the OpenAI API with which Dynamo makes an answer exactly as long as asked. */
function lengthFields(fullLength: boolean, tokens: number): object {
  return fullLength ? { ignore_eos: true, min_tokens: tokens } : {};
}

function longestPrompt({ isl, trace, points }: Load): number {
  if (points.some(({ kind }) => kind === 'trace')) return Math.max(...trace.map((entry) => entry.isl));
  return isl.high;
}

function noAnswer({ url, model }: BenchTarget, why: string): DynamoError {
  return new DynamoError('unavailable', `${model} at ${url} does not answer a chat request: ${why}.`, {
    hint: `curl ${url}/health`,
    fields: { address: url },
  });
}

/**
 * Requests that nobody measures, in the shapes of the point, so that caches, graphs and connections are warm. Returns the fit
 * corrected by what the server counted: the same requests give every arm with the same tokenizer the same correction.
 */
export async function warmUp(
  target: BenchTarget,
  { load, place, manners, limits }: Work,
  count: number,
  signal: AbortSignal,
): Promise<TokenFit> {
  const sender = createSender(target, limits.requestTimeoutMs, signal);
  const { fit } = manners;
  const counted = await Promise.all(
    warmUpRequests(load, place, count).map(async (request): Promise<[number, number] | undefined> => {
      const answer = await sendOne(sender, request, manners);
      if (!answer.ok || answer.promptTokens <= fit.base || request.isl <= fit.base) return undefined;
      return [request.isl - fit.base, answer.promptTokens - fit.base];
    }),
  );
  sender.end();
  const pairs = counted.filter((pair) => pair !== undefined);
  const [wanted, seen] = [0, 1].map((side) => pairs.reduce((sum, pair) => sum + (pair[side] ?? 0), 0));
  if (pairs.length === 0 || wanted === undefined || seen === undefined) return fit;
  return { ...fit, perWord: (fit.perWord * seen) / wanted };
}

export interface Work {
  readonly load: Load;
  readonly place: Place;
  readonly manners: Manners;
  readonly limits: Limits;
}

async function sendOne(
  sender: Sender,
  request: PlannedRequest,
  { fit, fullLength }: Manners,
): Promise<Answer> {
  return await sender.send(promptText(request, fit), request.osl, lengthFields(fullLength, request.osl));
}

export interface Watch {
  onProgress(progress: Progress): void;
  /** The user ends it: what is under way does not count. */
  readonly signal: AbortSignal;
  /** The deployment has ended: what is under way has failed. */
  readonly gone: AbortSignal;
}

/** A server that refuses connections would otherwise get thousands of requests a second. */
const pauseAfterErrorMs = 50;

/** Applies the load of one point, until it is done or a signal aborts. */
export async function applyLoad(
  target: BenchTarget,
  work: Work,
  { onProgress, signal, gone }: Watch,
): Promise<Measured> {
  const { load, place, limits, manners } = work;
  const point = load.points[place.point];
  const over = new AbortController();
  const ends = AbortSignal.any([signal, gone, over.signal]);
  const sender = createSender(target, limits.requestTimeoutMs, ends);
  const exchanges: Exchange[] = [];
  const gapsMs: number[] = [];
  const lateMs: number[] = [];
  let [sent, errors] = [0, 0];
  const total = point === undefined ? 0 : requestCount(load, point);
  const beginAt = performance.now();
  const sendMs = Math.min(load.durationMs ?? Infinity, limits.pointTimeoutMs);
  const mayStillSend = (): boolean => !ends.aborted && performance.now() - beginAt < sendMs;
  const exchange = async (request: PlannedRequest): Promise<void> => {
    const sentMs = performance.now() - beginAt;
    if (request.atMs !== undefined) lateMs.push(sentMs - request.atMs);
    sent += 1;
    const answer = await sendOne(sender, request, manners);
    if (signal.aborted && !answer.ok) return;
    exchanges.push(exchangeOf(answer, sentMs, request));
    if (answer.ok) for (const gap of answer.gapsMs) gapsMs.push(gap);
    else errors += 1;
    onProgress({ sent, done: exchanges.length, errors, total });
  };
  // Whatever is sent last still has the time of one request to end.
  const limit = setTimeout(() => over.abort(), Math.min(sendMs + limits.requestTimeoutMs, 2 ** 31 - 1));
  const watch = watchOneself();
  const requests = plannedRequests(load, place);
  if (point?.kind === 'concurrency') {
    const user = async (): Promise<void> => {
      while (mayStillSend()) {
        const next = requests.next();
        if (next.done === true) return;
        await exchange(next.value);
        if (exchanges.at(-1)?.ok === false) await paused(pauseAfterErrorMs, ends);
      }
    };
    await Promise.all(Array.from({ length: point.value }, user));
  } else {
    const open: Promise<void>[] = [];
    for (const request of requests) {
      const dueInMs = (request.atMs ?? 0) - (performance.now() - beginAt);
      if ((request.atMs ?? 0) > sendMs || !(await paused(dueInMs, ends)) || !mayStillSend()) break;
      open.push(exchange(request));
    }
    await Promise.all(open);
  }
  clearTimeout(limit);
  sender.end();
  return { exchanges, gapsMs, own: watch.end(lateMs) };
}

/** Whether the pause was not cut short. */
async function paused(ms: number, signal: AbortSignal): Promise<boolean> {
  if (ms > 0) await systemClock.sleep(ms, signal).catch(() => {});
  return !signal.aborted;
}

function exchangeOf(answer: Answer, sentMs: number, { isl, osl }: PlannedRequest): Exchange {
  if (!answer.ok) return { ok: false, sentMs, afterMs: answer.afterMs, why: answer.why };
  const { firstMs, lastMs, promptTokens, cachedTokens, completionTokens } = answer;
  const exchange: Answered = {
    ok: true,
    sentMs,
    firstMs,
    lastMs,
    promptTokens,
    cachedTokens,
    completionTokens,
    asked: { isl, osl },
  };
  return exchange;
}

const lagResolutionMs = 2;

function watchOneself(): { end(lateMs: readonly number[]): OwnLoad } {
  const lag = monitorEventLoopDelay({ resolution: lagResolutionMs });
  lag.enable();
  const before = performance.eventLoopUtilization();
  return {
    end: (lateMs) => {
      lag.disable();
      const busy = performance.eventLoopUtilization(before).utilization;
      const sorted = lateMs.toSorted((a, b) => a - b);
      return {
        busy,
        // Without a single sample it says NaN.
        lagP99Ms: Math.max(0, (lag.percentile(99) || 0) / 1e6 - lagResolutionMs),
        lateP99Ms: sorted.length === 0 ? 0 : Math.max(0, quantile(sorted, 0.99)),
      };
    },
  };
}

/** Above this share, answers wait for the generator, and its own work is part of every figure. */
const busiest = 0.8;
/** A generator that comes this late to one in a hundred turns shifts the latencies that it measures. */
const latestMs = 50;

/** Why the figures of a point say nothing about the deployment; `undefined` where they do. */
export function whyWithheld(
  { busy, lagP99Ms, lateP99Ms }: OwnLoad,
  ttftP50Ms: number | undefined,
): string | undefined {
  if (busy >= busiest)
    return `the load generator was busy for ${Math.round(busy * 100)} % of the time, and measured itself`;
  const late = Math.max(lagP99Ms, lateP99Ms);
  if (late > latestMs && late > (ttftP50Ms ?? 0) / 2)
    return `the load generator was up to ${Math.round(late)} ms late (p99), as much as what it measures`;
  return undefined;
}
