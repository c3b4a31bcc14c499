/** Streams of a deployment that stay open while something happens to it. */
import { requestsOf, type Running } from '../../e2e/harness/deployment.ts';

export interface OpenStream {
  /** Resolves with everything received when the stream has ended. */
  readonly ended: Promise<string>;
}

const firstPieceMs = 60_000;

/** Resolves with the first piece of an answer of exactly `tokens` tokens; `undefined` if it was something else. */
export async function openStream({ url, model }: Running, tokens: number): Promise<OpenStream | undefined> {
  const messages = [{ role: 'user', content: 'Hello!' }];
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), firstPieceMs);
  const { body } = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages, max_tokens: tokens, ignore_eos: true, stream: true }),
    signal: patience.signal,
  });
  if (body === null) throw new Error('an answer without a body');
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  const first = (await reader.read()).value ?? '';
  clearTimeout(timer);
  if (first.includes('"chat.completion.chunk"')) return { ended: restOf(reader, first) };
  await reader.cancel();
  return undefined;
}

async function restOf(reader: ReadableStreamDefaultReader<string>, begun: string): Promise<string> {
  const { done, value } = await reader.read();
  return done ? begun : await restOf(reader, begun + value);
}

/** A stream with the worker that serves it. Throws if there is none, or it was not counted. */
export async function openStreamOn(
  running: Running,
  tokens: number,
): Promise<OpenStream & { readonly worker: string }> {
  const workers = running.processes.map(({ name }) => name).filter((name) => name.startsWith('worker'));
  // A stopped worker counts nothing.
  const counts = async () =>
    await Promise.all(workers.map(async (name) => await requestsOf(running, name).catch(() => 0)));
  const before = await counts();
  const stream = await openStream(running, tokens);
  const after = await counts();
  const worker = workers.find((_, i) => (after[i] ?? 0) > (before[i] ?? 0));
  if (stream === undefined || worker === undefined) throw new Error('no worker serves a stream');
  return { ...stream, worker };
}

/** How many tokens an engine returns in this time at its present speed: 20 to 900. */
export async function tokensIn(running: Running, ms: number): Promise<number> {
  const measured = 50;
  const begin = performance.now();
  await (
    await openStream(running, measured)
  )?.ended;
  return Math.max(20, Math.min(900, Math.round((measured * ms) / (performance.now() - begin))));
}
