/** One request to the frontend, and how it is split among the workers: encode, prefill and decode, or one worker alone. */
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { ApiError, type Body, unavailable } from './api-body.ts';
import type { Metrics } from './metrics.ts';
import {
  callWorker,
  type Frame,
  type Frames,
  type TextRequest,
  type WholeRequest,
  type WorkRequest,
} from './request-plane.ts';
import type { Peer, Registry, Team } from './registry.ts';
import type { Progress, Work, WorkerLoads } from './progress.ts';
import type { Choice, Router } from './router.ts';
import type { SeededFault } from './seeded-fault.ts';
import { longestToken, tokenize } from './text.ts';
import { sleep } from './wait.ts';

export interface Dispatched {
  readonly frames: Frames;
  readonly prefillId: string;
  readonly decodeId: string;
  /** What the request means for these two; for one worker alone, twice the same. */
  readonly prefillWork: Work;
  readonly decodeWork: Work;
  /** Share of the prompt that the router expected to be cached. */
  readonly hitRate?: number | undefined;
}

export type TextWork = Omit<TextRequest, 'kind' | 'imageInfo' | 'rendezvous'>;

const never = new AbortController().signal;

export async function dispatchText(exchange: Exchange, work: TextWork): Promise<Dispatched> {
  const { registry, router, model, fault, body } = exchange;
  const whole = registry.team(model, 'text');
  const skipsPrefill = fault === 'disagg-roles' && body['stream'] === true;
  const team = skipsPrefill ? { ...whole, prefill: [] } : whole;
  const tokens = checkedTokens(team, work);
  const imageInfo = await encodeImages(exchange, team, work);
  const request: TextRequest = { ...work, kind: 'text', imageInfo, rendezvous: null };
  const alone = team.prefill.length === 0;
  exchange.progress.enter('route', alone ? 'aggregated' : 'prefill');
  const entry = asked(team.entry, exchange.wishes.worker);
  const prefillChoice = router.byPrefix(alone ? entry : asked(team.prefill, exchange.wishes.prefill), tokens);
  const decodeChoice = alone ? prefillChoice : router.byLoad(entry);
  const workOf = ({ peer }: Choice, type: Work['type']): Work => {
    const blocks = Math.ceil(tokens.length / peer.card.kv_cache_block_size);
    return { worker: peer.instance.id, type, promptTokens: tokens.length, blocks };
  };
  const prefillWork = workOf(prefillChoice, alone ? 'decode' : 'prefill');
  const decodeWork = workOf(decodeChoice, 'decode');
  const frames =
    decodeChoice === prefillChoice
      ? run(exchange, prefillChoice, request)
      : handOver(exchange, prefillChoice, decodeChoice, request);
  return {
    frames: followed(exchange, frames, { prefillWork, decodeWork, alone }),
    prefillId: prefillChoice.peer.instance.id,
    decodeId: decodeChoice.peer.instance.id,
    prefillWork,
    decodeWork,
    hitRate: prefillChoice.hitRate,
  };
}

/** The worker that the client asked for; the others count if there is none of that id. */
function asked(peers: readonly Peer[], id: string | undefined): readonly Peer[] {
  const found = peers.filter(({ instance }) => instance.id === id);
  return found.length > 0 ? found : peers;
}

/** Tells how far the request is, from the frames of its answer. */
async function* followed(
  { progress, loads }: Exchange,
  frames: Frames,
  { prefillWork, decodeWork, alone }: Pick<Dispatched, 'prefillWork' | 'decodeWork'> & { alone: boolean },
): Frames {
  progress.enter('dispatch', alone ? 'aggregated' : 'prefill');
  const [computed, released] = [loads.prefill(prefillWork), loads.hold(decodeWork)];
  try {
    for await (const frame of frames) {
      // The prompt has been computed.
      if (frame.type === 'start') {
        computed();
        if (!alone) progress.enter('dispatch', 'decode');
      } else progress.waitedFor();
      yield frame;
    }
  } finally {
    computed();
    released();
  }
}

/** One worker reads the body and returns the whole answer: embeddings and media. */
export async function dispatchWhole(exchange: Exchange, kind: WholeRequest['kind']): Promise<unknown> {
  const { registry, router, model, id, body } = exchange;
  const choice = router.byLoad(registry.team(model, kind).entry);
  exchange.progress.enter('dispatch', 'aggregated');
  const frame = await last(run(exchange, choice, { kind, id, body }));
  return frame.type === 'whole' ? frame.body : undefined;
}

function checkedTokens(team: Team, work: TextWork): number[] {
  // In a disaggregated deployment, the prefill worker reads prompt and images.
  const card = [...team.prefill, ...team.entry][0]?.card;
  const limit = card?.context_length ?? 0;
  // Tokenizing many megabytes takes seconds: the length alone is enough to refuse such a prompt.
  const tokens = work.prompt.length > limit * longestToken ? undefined : tokenize(work.prompt);
  if (tokens === undefined || tokens.length >= limit) {
    const shown = tokens?.length ?? `more than ${limit}`;
    const text = `The prompt has ${shown} tokens; the model's context length is ${limit}, and the answer needs at least one token`;
    throw new ApiError(400, text, 'context_length_exceeded', 'messages');
  }
  if (work.images.length > 0 && card?.multimodal !== true) {
    const text = `Model ${card?.display_name} does not accept images: its worker runs without --multimodal`;
    throw new ApiError(400, text, null, 'messages');
  }
  return tokens;
}

async function encodeImages(exchange: Exchange, team: Team, { images }: TextWork) {
  const dedicated = [...team.entry, ...team.prefill].some(({ card }) => card.dedicated_encoder);
  if (!dedicated) return null;
  // As upstream's encode worker answers it, seen with 1.4.2.
  if (images.length === 0)
    throw new ApiError(400, 'ValueError: multi_modal_data is required for the encode worker.');
  const frame = await last(run(exchange, exchange.router.byLoad(team.encode), { kind: 'encode', images }));
  return frame.type === 'images' ? frame.images : null;
}

async function* run(
  { registry, signal }: Exchange,
  choice: Choice,
  request: WorkRequest,
  until = signal,
): Frames {
  try {
    yield* callWorker(choice.peer.instance.tcp, request, until, () => registry.lost(choice.peer));
  } finally {
    choice.done();
  }
}

/** Prefill runs in parallel with decode, which waits at the bootstrap port. A client that disconnects cancels decode only. */
async function* handOver(
  exchange: Exchange,
  prefillChoice: Choice,
  decodeChoice: Choice,
  request: TextRequest,
): Frames {
  const room = (randomBytes(8).readBigUInt64LE() >> 1n).toString();
  const work: TextRequest = {
    ...request,
    rendezvous: { address: prefillChoice.peer.card.bootstrap ?? '', room },
  };
  const failure = new AbortController();
  const prefilled = last(run(exchange, prefillChoice, work, never)).catch((error: unknown) =>
    failure.abort(error),
  );
  const until = AbortSignal.any([exchange.signal, failure.signal]);
  try {
    for await (const frame of run(exchange, decodeChoice, work, until)) {
      // Decode may notice a lost prefill worker before the frontend does, whose error is the better answer.
      if (frame.type === 'end' && frame.completionTokens === 0)
        await Promise.race([prefilled, sleep(100, until)]);
      failure.signal.throwIfAborted();
      yield frame;
    }
  } catch (error) {
    failure.signal.throwIfAborted();
    throw error;
  }
}

/** The last frame of an answer. */
async function last(frames: Frames): Promise<Frame> {
  let frame: Frame | undefined;
  for await (frame of frames);
  return frame ?? Promise.reject(unavailable());
}

/** Shared by all requests. */
export interface Shared {
  readonly registry: Registry;
  readonly router: Router;
  readonly metrics: Metrics;
  readonly loads: WorkerLoads;
  readonly fault: SeededFault | undefined;
}

/** Ids of workers, from the headers that upstream reads: docs/upstream/frontend.md#one-worker. */
export interface Wishes {
  readonly worker?: string | undefined;
  readonly prefill?: string | undefined;
}

export interface Exchange extends Shared {
  readonly id: string;
  readonly body: Body;
  readonly model: string;
  readonly response: ServerResponse;
  /** When it came, on the clock of `performance`. */
  readonly startedAt: number;
  readonly progress: Progress;
  readonly wishes: Wishes;
  /** Aborts when the client disconnects. */
  readonly signal: AbortSignal;
}
