/** Reads what the frontend of a run answers, as it comes: pieces of a chat, a vector, images. Never HTML. */
import { post } from './connection.ts';
import type { Refusal, TryRequest } from './messages.ts';

export interface Piece {
  readonly text: string;
  /** Part of the reasoning of a model, which comes before its answer. */
  readonly isReasoning: boolean;
}

/** Tokens as the server counts them; absent where it does not. */
export interface Counted {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cachedTokens?: number;
}

export type ChatEvent = { readonly piece: Piece } | { readonly usage: Counted };

/** Throws an Error with what the server said. Ends when `signal` aborts. */
export async function* chatAnswer(request: TryRequest, signal: AbortSignal): AsyncGenerator<ChatEvent, void> {
  const response = await post('api/try', request, signal);
  if (!response.ok || response.body === null) throw new Error(await problemIn(response));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('data:')) continue;
      const data = line.slice('data:'.length).trim();
      if (data === '[DONE]') return;
      yield* eventsIn(JSON.parse(data) as Json);
    }
  }
}

type Json = Readonly<Record<string, unknown>>;

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function first(value: unknown): Json {
  return objectOf(Array.isArray(value) ? (value as unknown[])[0] : undefined);
}

function* eventsIn(chunk: Json): Generator<ChatEvent> {
  const { error, usage } = chunk;
  if (error !== undefined && error !== null) throw new Error(messageIn(error));
  const delta = objectOf(first(chunk['choices'])['delta']);
  const [thought, text] = [delta['reasoning_content'], delta['content']];
  if (typeof thought === 'string' && thought !== '') yield { piece: { text: thought, isReasoning: true } };
  if (typeof text === 'string' && text !== '') yield { piece: { text, isReasoning: false } };
  if (usage !== undefined && usage !== null) yield { usage: countedIn(objectOf(usage)) };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function countedIn(usage: Json): Counted {
  const [input, output] = [numberOf(usage['prompt_tokens']), numberOf(usage['completion_tokens'])];
  const cached = numberOf(objectOf(usage['prompt_tokens_details'])['cached_tokens']);
  return {
    ...(input === undefined ? {} : { inputTokens: input }),
    ...(output === undefined ? {} : { outputTokens: output }),
    ...(cached === undefined ? {} : { cachedTokens: cached }),
  };
}

export interface Whole {
  readonly vector?: readonly number[];
  /** Data of an image or a video, or the place of its file. */
  readonly media: readonly { readonly base64?: string; readonly url?: string }[];
  readonly usage: Counted;
}

/** Throws an Error with what the server said. */
export async function wholeAnswer(request: TryRequest, signal: AbortSignal): Promise<Whole> {
  const response = await post('api/try', request, signal);
  if (!response.ok) throw new Error(await problemIn(response));
  const body = objectOf(await response.json());
  if (typeof body['error'] === 'string') throw new Error(body['error']);
  const items = Array.isArray(body['data']) ? (body['data'] as unknown[]).map(objectOf) : [];
  const vector = items[0]?.['embedding'];
  const numbers = Array.isArray(vector)
    ? (vector as unknown[]).filter((each) => typeof each === 'number')
    : [];
  return {
    ...(numbers.length === 0 ? {} : { vector: numbers }),
    media: items.flatMap(({ b64_json: base64, url }): Whole['media'] => {
      if (typeof base64 === 'string' && base64 !== '') return [{ base64 }];
      return typeof url === 'string' ? [{ url }] : [];
    }),
    usage: countedIn(objectOf(body['usage'])),
  };
}

async function problemIn(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { error, message, hint } = JSON.parse(text) as Refusal & { message?: string };
    const shown = error === undefined ? message : messageIn(error);
    return [`HTTP ${response.status}`, shown ?? text, ...(hint === undefined ? [] : [hint])].join(': ');
  } catch {
    return `HTTP ${response.status}: ${text.slice(0, 400)}`;
  }
}

function messageIn(error: unknown): string {
  if (typeof error === 'string') return error;
  const { message } = objectOf(error);
  return typeof message === 'string' ? message : JSON.stringify(error);
}
