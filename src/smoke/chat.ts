/** Chat requests of cases, and the parts of an answer that they check. */
import { tinyImage } from '../plan/proof.ts';
import type { Client } from './client.ts';
import { type Json, listOf, numberOf, objectOf, textOf } from './answers.ts';
import type { Target } from './target.ts';

export const chatPath = '/v1/chat/completions';

export interface ChatAnswer {
  readonly body: Json;
  readonly role: string | undefined;
  /** Also empty for tokens that decode to no text. */
  readonly text: string;
  readonly finish: string | undefined;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
}

/** Temperature 0, so that a repeated question can get the same answer. `content`: text, or parts. */
export function chatBody(target: Target, content: unknown, maxTokens: number): Json {
  const messages = [userMessage(target, content)];
  return { model: target.model, messages, max_tokens: maxTokens, temperature: 0 };
}

/** With an image where the deployment needs one. */
export function userMessage({ needsImage }: Target, content: unknown): Json {
  const parts = [
    { type: 'text', text: content },
    { type: 'image_url', image_url: { url: tinyImage } },
  ];
  return { role: 'user', content: needsImage && typeof content === 'string' ? parts : content };
}

export async function chat(client: Client, target: Target, content: unknown, maxTokens = 16) {
  return readChat(await client.ask(chatPath, chatBody(target, content, maxTokens)));
}

export function readChat(body: Json): ChatAnswer {
  const choice = objectOf(listOf(body.choices)[0]);
  const message = objectOf(choice.message);
  const usage = objectOf(body.usage);
  return {
    body,
    role: textOf(message.role),
    text: textOf(message.content) ?? '',
    finish: textOf(choice.finish_reason),
    promptTokens: numberOf(usage.prompt_tokens),
    completionTokens: numberOf(usage.completion_tokens),
    cachedTokens: numberOf(objectOf(usage.prompt_tokens_details).cached_tokens),
  };
}

export interface ChatStream {
  readonly text: string;
  /** Chunks of the answer with text. */
  readonly pieces: number;
  readonly finish: string | undefined;
  readonly usages: readonly Json[];
  /** The last event was `[DONE]`. */
  readonly done: boolean;
  readonly error: unknown;
}

export async function chatStream(client: Client, target: Target, content: unknown, maxTokens = 16) {
  const body = { ...chatBody(target, content, maxTokens), stream_options: { include_usage: true } };
  const events: string[] = [];
  for await (const event of client.stream(chatPath, body)) events.push(event);
  return readStream(events);
}

/** Throws SyntaxError if an event is not JSON. */
export function readStream(events: readonly string[]): ChatStream {
  const chunks = events.filter((event) => event !== '[DONE]').map((event) => objectOf(JSON.parse(event)));
  const choices = chunks.map(({ choices: list }) => objectOf(listOf(list)[0]));
  const texts = choices.flatMap(({ delta }) => textOf(objectOf(delta).content) || []);
  return {
    text: texts.join(''),
    pieces: texts.length,
    finish: choices.map(({ finish_reason: reason }) => textOf(reason)).findLast((one) => one !== undefined),
    usages: chunks.flatMap(({ usage }) => (usage === undefined || usage === null ? [] : [objectOf(usage)])),
    done: events.at(-1) === '[DONE]',
    error: chunks.find((chunk) => 'error' in chunk)?.error,
  };
}
