/** /v1/chat/completions and /v1/completions. */
import type { Exchange } from './exchange.ts';
import { asObject, bad, flag, optionalCount, texts, type Body } from './fields.ts';
import { renderMessages, type Prompt } from './prompt.ts';
import { answerText, type Finished, type Shape } from './text-stream.ts';

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
  // No text at all is null, as when the KV transfer failed.
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
  if (prompt === undefined || more.length > 0) bad('prompt', 'sim takes exactly one prompt, as text');
  return respond(exchange, plain, { prompt, images: [] });
}

function respond(exchange: Exchange, wire: Wire, prompt: Prompt): Promise<void> {
  const { body, model, id } = exchange;
  if ((body['n'] ?? 1) !== 1) bad('n', 'sim gives one choice: n must be 1');
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
