/** What a benchmark sends: how many tokens in and out, when, and with which text. All of it depends on the seed alone. */
import { randomFrom, seedOf } from '../base/random.ts';

/** A number of tokens: always the same, or evenly spread from `low` to `high`. */
export interface TokenRange {
  readonly low: number;
  readonly high: number;
}

/** One point of a sweep: how the load is applied. */
export type Point =
  /** Closed loop: so many requests at any time; the next one follows an answer. */
  | { readonly kind: 'concurrency'; readonly value: number }
  /** Open loop: requests per second, with random (Poisson) arrivals, whatever is still unanswered. */
  | { readonly kind: 'rate'; readonly value: number }
  /** Open loop: the arrivals, lengths and shared blocks of a recorded trace. */
  | { readonly kind: 'trace' };

/** A request of a trace in Mooncake's format. */
export interface TraceEntry {
  readonly atMs: number;
  readonly isl: number;
  readonly osl: number;
  /** Each names a block of 512 tokens; equal ids are equal text, which a prefix cache can reuse. */
  readonly blocks: readonly number[];
}

export interface Load {
  readonly points: readonly Point[];
  readonly isl: TokenRange;
  readonly osl: TokenRange;
  /** Share of each prompt that it has in common with others, from 0 to 1. */
  readonly prefixShare: number;
  /** How many different common beginnings there are. */
  readonly prefixes: number;
  readonly trace: readonly TraceEntry[];
  /** A point ends after so many requests, or when no more may be sent; absent: a number that fits the point. */
  readonly requests: number | undefined;
  readonly durationMs: number | undefined;
  readonly seed: number;
}

export interface PlannedRequest {
  readonly isl: number;
  readonly osl: number;
  /** When it is due, from the start of the point; absent in a closed loop. */
  readonly atMs?: number;
  /** The text in parts: each is so many tokens that depend on its seed alone. */
  readonly parts: readonly { readonly seed: number; readonly tokens: number }[];
}

/** The prompts differ between rounds and points, so that no answer comes from what an earlier one left in a cache. */
export interface Place {
  readonly round: number;
  readonly point: number;
}

/** Of Mooncake's published traces. Source: FAST25-release/traces of kvcache-ai/Mooncake. */
export const traceBlockTokens = 512;

const leastRequests = 30;
const requestsPerUser = 10;

/** How many requests a point has; `undefined` where only the time limits it. */
export function requestCount({ requests, durationMs, trace }: Load, point: Point): number | undefined {
  if (point.kind === 'trace') return Math.min(trace.length, requests ?? Infinity);
  if (requests !== undefined || durationMs !== undefined) return requests;
  // Two waves of every user at the least, and enough for a p90.
  return Math.max(leastRequests, requestsPerUser * Math.ceil(point.value));
}

/** The requests of a point in the order in which they are sent; endless where only the time limits it. */
export function* plannedRequests(load: Load, place: Place): Generator<PlannedRequest, void> {
  const point = load.points[place.point];
  if (point === undefined) return;
  const count = requestCount(load, point) ?? Infinity;
  const arrivals = randomFrom(seedOf(load.seed, place.round, place.point, 1));
  let atMs = 0;
  for (let index = 0; index < count; index++) {
    if (point.kind === 'trace') {
      const entry = load.trace[index];
      if (entry === undefined) return;
      yield fromTrace(entry, load.seed);
      continue;
    }
    const request = synthetic(load, place, index);
    if (point.kind === 'concurrency') yield request;
    else {
      atMs += (-Math.log(1 - arrivals()) * 1000) / point.value;
      yield { ...request, atMs };
    }
  }
}

/** Requests before the measured ones: the same shapes and common beginnings, in other words. */
export function warmUpRequests(load: Load, place: Place, count: number): PlannedRequest[] {
  const entries = load.trace.slice(0, count);
  if (entries.length > 0)
    return entries.map((entry, i) => fromTrace({ ...entry, blocks: [-1 - i] }, load.seed));
  return Array.from({ length: count }, (_, i) => synthetic(load, place, -1 - i));
}

function synthetic(load: Load, { round, point }: Place, index: number): PlannedRequest {
  const seed = seedOf(load.seed, round, point, index, 2);
  const random = randomFrom(seed);
  const isl = within(load.isl, random());
  const osl = within(load.osl, random());
  const shared = Math.round(isl * load.prefixShare);
  const prefix = Math.floor(random() * load.prefixes);
  const parts = [
    ...(shared === 0 ? [] : [{ seed: seedOf(load.seed, prefix, 3), tokens: shared }]),
    ...(shared === isl ? [] : [{ seed, tokens: isl - shared }]),
  ];
  return { isl, osl, parts };
}

function within({ low, high }: TokenRange, random: number): number {
  return low + Math.floor(random * (high - low + 1));
}

function fromTrace({ atMs, isl, osl, blocks }: TraceEntry, seed: number): PlannedRequest {
  const parts = [];
  let left = isl;
  for (let i = 0; left > 0; i++) {
    // What no block covers is this request's own.
    const tokens = i < blocks.length ? Math.min(traceBlockTokens, left) : left;
    parts.push({ seed: seedOf(seed, blocks[i] ?? atMs, i < blocks.length ? 4 : 5), tokens });
    left -= tokens;
  }
  return { atMs, isl, osl, parts };
}

/** `16`, `8 req/s`, `trace`. */
export function pointText(point: Point): string {
  if (point.kind === 'trace') return 'trace';
  return point.kind === 'rate' ? `${point.value} req/s` : String(point.value);
}

/** `at concurrency 16`, `at 8 requests/s`, `on the trace`. */
export function pointWords(point: Point): string {
  if (point.kind === 'trace') return 'on the trace';
  return point.kind === 'rate' ? `at ${point.value} requests/s` : `at concurrency ${point.value}`;
}

/** Common words that most vocabularies have as one token, with the space before them. */
const words = (
  'about after again air all also and animal answer any ask away back because before begin big book both boy call ' +
  'came can change city close come could country cut day did does done door down each earth eat end even every eye ' +
  'face family far father feet few find first follow food form found four from get girl give good great group grow ' +
  'had hand hard has have head hear help her here high him his home house how idea into just keep kind know land ' +
  'large last late learn leave left letter life light like line list little live long look made make man many may ' +
  'mean men might mile more most mother move much must name near need never new next night not now number off often ' +
  'old one only open other our out over own page paper part people place plan plant play point put read real right ' +
  'river run said same saw say school sea second see seem set she should show side small some song soon sound spell ' +
  'start state still stop story study such take talk tell than that the them then there these they thing think this ' +
  'those three time too took tree try turn two under until use very walk want was watch water way well went were ' +
  'what when where which while white who why will with word work world would write year you young your'
)
  .split(' ')
  .filter((word) => word.length <= 5);

/** How a server counts the tokens of a prompt made of `words`: those of its chat template, and of each word. */
export interface TokenFit {
  readonly base: number;
  readonly perWord: number;
}

export const oneTokenAWord: TokenFit = { base: 0, perWord: 1 };

/** From two prompts that the server has counted. */
export function fitTokens(
  [fewWords, fewTokens]: readonly [words: number, tokens: number],
  [manyWords, manyTokens]: readonly [words: number, tokens: number],
): TokenFit {
  const perWord = (manyTokens - fewTokens) / (manyWords - fewWords);
  if (!(perWord > 0)) return oneTokenAWord;
  return { base: fewTokens - perWord * fewWords, perWord };
}

/** A text that this server counts as `isl` tokens, as nearly as whole words allow. */
export function promptText({ parts, isl }: PlannedRequest, fit: TokenFit): string {
  const wanted = Math.max(1, Math.round((isl - fit.base) / fit.perWord));
  const all: string[] = [];
  for (const { seed, tokens } of parts) {
    const random = randomFrom(seed);
    const count = Math.round(tokens / fit.perWord);
    for (let i = 0; i < count && all.length < wanted; i++) all.push(wordAt(random()));
  }
  // Rounding of the parts.
  const random = randomFrom(seedOf(parts.at(-1)?.seed ?? 0, 6));
  while (all.length < wanted) all.push(wordAt(random()));
  return all.join(' ');
}

function wordAt(random: number): string {
  return words[Math.floor(random * words.length)] ?? 'word';
}
