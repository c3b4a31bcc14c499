/** Streamed chats, measured by their client: what figures are compared with. */
import type { Running } from './deployment.ts';

export interface Measured {
  readonly ttftMs: number;
  readonly itlMs: readonly number[];
}

/** One streamed chat, measured by its client. */
export async function measuredChat({ client, model }: Running, maxTokens: number): Promise<Measured> {
  const words = Array.from({ length: 400 }, (_, index) => `word${index}`).join(' ');
  const begin = performance.now();
  const stream = await client.chat.completions.create({
    model,
    max_tokens: maxTokens,
    stream: true,
    messages: [{ role: 'user', content: `${Math.random()} ${words}` }],
  });
  const times: number[] = [];
  for await (const { choices } of stream) {
    if ((choices[0]?.delta.content ?? '') !== '') times.push(performance.now());
  }
  const [first = Infinity] = times;
  return { ttftMs: first - begin, itlMs: times.slice(1).map((time, index) => time - (times[index] ?? 0)) };
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
