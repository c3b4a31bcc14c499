/** /v1/chat/completions, /v1/completions, and the text part of /v1/responses. */
import { asObject, bad, type Body, flag, optionalCount, optionalText, texts } from './api-body.ts';
import type { Exchange } from './dispatch.ts';
import { answerText, type Finished, type Shape } from './text-stream.ts';
import { hashText } from './text.ts';

/** How the two routes differ on the wire. */
interface Wire {
  readonly prefix: string;
  readonly object: string;
  readonly chunkObject: string;
  whole(text: string): Body;
  piece(text: string): Body;
  readonly last: Body;
}

const chat: Wire = {
  prefix: 'chatcmpl',
  object: 'chat.completion',
  chunkObject: 'chat.completion.chunk',
  // Upstream sends null for an empty text, as after a failed KV transfer.
  whole: (text) => ({ message: { role: 'assistant', content: text || null, refusal: null } }),
  piece: (text) => ({ delta: { role: 'assistant', content: text } }),
  last: { delta: {} },
};

const plain: Wire = {
  prefix: 'cmpl',
  object: 'text_completion',
  chunkObject: 'text_completion',
  whole: (text) => ({ text }),
  piece: (text) => ({ text }),
  last: { text: '' },
};

export function chatCompletions(exchange: Exchange): Promise<void> {
  return respond(exchange, chat, renderMessages(exchange.body['messages'], 'messages'));
}

export function completions(exchange: Exchange): Promise<void> {
  const [prompt, ...more] = texts(exchange.body, 'prompt');
  if (prompt === undefined || more.length > 0)
    bad('prompt', 'sim supports exactly one prompt, given as text');
  return respond(exchange, plain, { prompt, images: [] });
}

function respond(exchange: Exchange, wire: Wire, prompt: Prompt): Promise<void> {
  const { body, model, id } = exchange;
  if ((body['n'] ?? 1) !== 1) bad('n', 'sim returns one choice only: n must be 1');
  const maxTokens = optionalCount(body, 'max_completion_tokens') ?? optionalCount(body, 'max_tokens');
  const stop = texts(body, 'stop').filter((text) => text !== '');
  const wantsUsage = flag(asObject(body['stream_options']) ?? {}, 'include_usage');

  const common = { id: `${wire.prefix}-${id}`, created: Math.floor(Date.now() / 1000), model };
  const chunk = (choices: readonly Body[]): Body => ({ ...common, object: wire.chunkObject, choices });
  const shape: Shape = {
    whole: (done) => {
      const choices = choice(wire.whole(done.text), done.finishReason);
      return { ...common, object: wire.object, choices, usage: usage(done) };
    },
    begin: [],
    piece: (text) => chunk(choice(wire.piece(text), null)),
    end: (done) => {
      const last = chunk(choice(wire.last, done.finishReason));
      return wantsUsage ? [last, { ...chunk([]), usage: usage(done) }] : [last];
    },
  };
  return answerText(exchange, { ...prompt, maxTokens, stop }, shape);
}

function usage({ promptTokens, cachedTokens, completionTokens }: Finished): Body {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}

function choice(content: Body, reason: string | null): Body[] {
  return [{ index: 0, ...content, logprobs: null, finish_reason: reason }];
}

export function responses(exchange: Exchange): Promise<void> {
  const { body, id, model } = exchange;
  const maxTokens = optionalCount(body, 'max_output_tokens');
  const common = { id: `resp_${id}`, object: 'response', created_at: Math.floor(Date.now() / 1000), model };
  const item = { type: 'message', id: `msg_${id}`, role: 'assistant' };
  const whole = (done: Finished): Body => ({
    ...common,
    status: 'completed',
    output: [{ ...item, status: 'completed', content: [outputPart(done.text)] }],
    usage: responseUsage(done),
  });
  let number = 0;
  const event = (type: string, fields: Body): Body => ({
    type: `response.${type}`,
    sequence_number: number++,
    output_index: 0,
    ...fields,
  });
  const place = { item_id: `msg_${id}`, content_index: 0 };
  return answerText(
    exchange,
    { ...renderMessages(messagesOf(body), 'input'), maxTokens, stop: [] },
    {
      whole,
      begin: [
        event('created', { response: { ...common, status: 'in_progress', output: [] } }),
        event('output_item.added', { item: { ...item, status: 'in_progress', content: [] } }),
        event('content_part.added', { ...place, part: outputPart('') }),
      ],
      piece: (delta) => event('output_text.delta', { ...place, delta }),
      end: (done) => [
        event('output_text.done', { ...place, text: done.text }),
        event('completed', { response: whole(done) }),
      ],
    },
  );
}

function responseUsage({ promptTokens, cachedTokens, completionTokens }: Finished): Body {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: promptTokens + completionTokens,
  };
}

function outputPart(text: string): Body {
  return { type: 'output_text', text, annotations: [] };
}

function messagesOf(body: Body): unknown {
  const { input } = body;
  const instructions = optionalText(body, 'instructions');
  const system = instructions === null ? [] : [{ role: 'system', content: instructions }];
  if (typeof input === 'string') return [...system, { role: 'user', content: input }];
  // Messages only: tool calls and their results contain nothing that sim can read.
  return Array.isArray(input) ? [...system, ...input.filter(isMessage)] : input;
}

function isMessage(item: unknown): boolean {
  return (asObject(item)?.['type'] ?? 'message') === 'message';
}

interface Prompt {
  readonly prompt: string;
  readonly images: readonly string[];
}

/** The prompt of a chat. Images appear in it as a hash of their URL, so that the prefix cache distinguishes them. */
function renderMessages(messages: unknown, param: string): Prompt {
  if (!Array.isArray(messages) || messages.length === 0) bad(param, `${param} must be a non-empty list`);
  const images: string[] = [];
  const turns = messages.map((item: unknown, index) => {
    const { role, content } = asObject(item) ?? {};
    if (typeof role !== 'string') bad(param, `${param}[${index}].role is missing`);
    return `<|${role}|>\n${renderContent(content, `${param}[${index}].content`, images)}\n`;
  });
  return { prompt: `${turns.join('')}<|assistant|>\n`, images };
}

/** Content parts of chat, and of /v1/responses, where they have other names. */
function renderContent(content: unknown, param: string, images: string[]): string {
  if (typeof content === 'string') return content;
  // A message that only calls a tool has no content.
  if (content === null || content === undefined) return '';
  if (!Array.isArray(content)) bad(param, `${param} must be a string or a list of parts`);
  return content
    .map((item: unknown) => {
      const { type, text, image_url: image } = asObject(item) ?? {};
      if (/^(text|input_text|output_text)$/.test(String(type)) && typeof text === 'string') return text;
      const url = asObject(image)?.['url'] ?? image;
      if (typeof url !== 'string') bad(param, `${param}: sim supports only text and image_url parts`);
      images.push(url);
      return `<|image ${hashText(url).toString(16)}|>`;
    })
    .join('');
}
