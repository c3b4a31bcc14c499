/** Sends work to the workers that must do it together: encoder, prefill and decode, or one worker alone. */
import { randomBytes } from 'node:crypto';
import { ApiError, unavailable } from './api-error.ts';
import type { Exchange } from './exchange.ts';
import type { Frame, Frames, TextRequest, WholeRequest, WorkRequest } from './protocol.ts';
import type { Team } from './registry.ts';
import { callWorker } from './request-client.ts';
import type { Choice } from './router.ts';
import { sleep } from './sleep.ts';
import { longestToken, tokenize } from './tokenizer.ts';

export interface Dispatched {
  readonly frames: Frames;
  readonly prefillId: string;
  readonly decodeId: string;
  /** What the router expected to be cached, as a share of the prompt. */
  readonly hitRate?: number | undefined;
}

export type TextWork = Omit<TextRequest, 'kind' | 'seen' | 'rendezvous'>;

const never = new AbortController().signal;

export async function dispatchText(exchange: Exchange, work: TextWork): Promise<Dispatched> {
  const { registry, router, model, fault, body } = exchange;
  const whole = registry.team(model, 'text');
  const skipsPrefill = fault === 'disagg-roles' && body['stream'] === true;
  const team = skipsPrefill ? { ...whole, prefill: [] } : whole;
  const tokens = checkedTokens(team, work);
  const seen = await encodeImages(exchange, team, work);
  const request: TextRequest = { ...work, kind: 'text', seen, rendezvous: null };
  const reader = router.byPrefix(team.prefill.length > 0 ? team.prefill : team.entry, tokens);
  const writer = team.prefill.length > 0 ? router.byLoad(team.entry) : reader;
  return {
    frames: writer === reader ? run(exchange, reader, request) : handOver(exchange, reader, writer, request),
    prefillId: reader.peer.instance.id,
    decodeId: writer.peer.instance.id,
    hitRate: reader.hitRate,
  };
}

/** One worker reads the body and makes the whole answer: embeddings and media. */
export async function dispatchWhole(exchange: Exchange, kind: WholeRequest['kind']): Promise<unknown> {
  const { registry, router, model, id, body } = exchange;
  const choice = router.byLoad(registry.team(model, kind).entry);
  const frame = await last(run(exchange, choice, { kind, id, body }));
  return frame.type === 'whole' ? frame.body : undefined;
}

function checkedTokens(team: Team, work: TextWork): number[] {
  // In a disaggregated deployment prefill is the one that looks at prompt and images.
  const card = [...team.prefill, ...team.entry][0]?.card;
  const limit = card?.context_length ?? 0;
  // Cutting up a prompt of many megabytes takes seconds: the longest possible tokens are enough to refuse it.
  const tokens = work.prompt.length > limit * longestToken ? undefined : tokenize(work.prompt);
  if (tokens === undefined || tokens.length >= limit) {
    const shown = tokens?.length ?? `more than ${limit}`;
    const text = `The prompt has ${shown} tokens, the model's context length is ${limit} and the answer needs at least one`;
    throw new ApiError(400, text, 'context_length_exceeded', 'messages');
  }
  if (work.images.length > 0 && card?.multimodal !== true) {
    const text = `Model ${card?.display_name} takes no images: its worker runs without --multimodal`;
    throw new ApiError(400, text, null, 'messages');
  }
  return tokens;
}

async function encodeImages(exchange: Exchange, team: Team, { images }: TextWork) {
  const dedicated = [...team.entry, ...team.prefill].some(({ card }) => card.dedicated_encoder);
  if (!dedicated || images.length === 0) return null;
  const frame = await last(run(exchange, exchange.router.byLoad(team.encode), { kind: 'encode', images }));
  return frame.type === 'seen' ? frame.images : null;
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

/** Prefill runs beside decode, which waits for it at the bootstrap port; a client that leaves cancels only decode. */
async function* handOver(exchange: Exchange, reader: Choice, writer: Choice, request: TextRequest): Frames {
  const room = (randomBytes(8).readBigUInt64LE() >> 1n).toString();
  const work: TextRequest = { ...request, rendezvous: { address: reader.peer.card.bootstrap ?? '', room } };
  const failure = new AbortController();
  const prefilled = last(run(exchange, reader, work, never)).catch((error: unknown) => failure.abort(error));
  const until = AbortSignal.any([exchange.signal, failure.signal]);
  try {
    for await (const frame of run(exchange, writer, work, until)) {
      // Decode may see a lost prefill worker before the frontend does: the frontend's error is the better answer.
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
