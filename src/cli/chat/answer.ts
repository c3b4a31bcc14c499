/** One answer of a chat as it comes, piece by piece. */
import { DynamoError } from '../../base/error.ts';
import { errorCode, messageOf } from '../../base/error-code.ts';
import { eventLines, type Json, listOf, objectOf, shown, textOf } from '../../smoke/answers.ts';

export interface ChatTarget {
  /** Without a slash at the end. */
  readonly url: string;
  readonly model: string;
  readonly maxTokens?: number | undefined;
}

export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface Piece {
  readonly text: string;
  /** What a reasoning model thinks before it answers. */
  readonly isThought: boolean;
}

/** Ends early and quietly when `signal` aborts. Throws `unavailable` when there is no answer or it breaks off. */
export async function* answerTo(
  messages: readonly Message[],
  target: ChatTarget,
  signal: AbortSignal,
): AsyncGenerator<Piece, void> {
  try {
    for await (const event of eventLines(await request(messages, target, signal))) {
      if (event === '[DONE]') return;
      yield* piecesOf(objectOf(JSON.parse(event)), target);
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof DynamoError) throw error;
    // fetch says only "fetch failed"; the cause knows why.
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    throw noAnswer(target, errorCode(cause) ?? messageOf(cause));
  }
}

async function request(
  messages: readonly Message[],
  target: ChatTarget,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const { model, maxTokens } = target;
  const response = await fetch(`${target.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer EMPTY' },
    body: JSON.stringify({
      model,
      messages,
      stream: true,
      ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    }),
    signal,
  });
  if (response.ok && response.body !== null) return response.body;
  throw noAnswer(target, `HTTP ${response.status}: ${shown(await response.text())}`);
}

function* piecesOf(chunk: Json, target: ChatTarget): Generator<Piece, void> {
  if (chunk.error !== undefined) throw noAnswer(target, shown(chunk.error));
  const delta = objectOf(objectOf(listOf(chunk.choices)[0]).delta);
  const [thought, text] = [textOf(delta.reasoning_content), textOf(delta.content)];
  if (thought !== undefined && thought !== '') yield { text: thought, isThought: true };
  if (text !== undefined && text !== '') yield { text, isThought: false };
}

function noAnswer({ url, model }: ChatTarget, why: string): DynamoError {
  return new DynamoError('unavailable', `${model} at ${url} did not answer: ${why}`, {
    hint: 'dynamo ps   # is it up and healthy?',
  });
}
