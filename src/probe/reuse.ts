/** Proves that a KV router routes, each pool of workers by itself: a prompt that comes again goes to its cache. */
import { type TimeLimit, timeLimit } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import type { ProcessSpec, ServingPlan } from '../plan/plan.ts';
import { proveSpread } from './spread.ts';
import { type Asking, poll } from './poll.ts';
import { askMeasured, askRouted, type Routed } from './routed.ts';

/** Events of what is cached reach the router a moment after the answer. */
const settleMs = 30_000;
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
      limit ??= timeLimit(settleMs, asking.clock, asking.signal);
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
