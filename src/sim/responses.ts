/** /v1/responses: the part of OpenAI's newer API that text needs. */
import type { Exchange } from './exchange.ts';
import { asObject, optionalCount, optionalText, type Body } from './fields.ts';
import { renderMessages } from './prompt.ts';
import { answerText, type Finished } from './text-stream.ts';

export function responses(exchange: Exchange): Promise<void> {
  const { body, id, model } = exchange;
  const maxTokens = optionalCount(body, 'max_output_tokens');
  const common = { id: `resp_${id}`, object: 'response', created_at: Math.floor(Date.now() / 1000), model };
  const item = { type: 'message', id: `msg_${id}`, role: 'assistant' };
  const whole = (done: Finished): Body => ({
    ...common,
    status: 'completed',
    output: [{ ...item, status: 'completed', content: [part(done.text)] }],
    usage: usage(done),
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
        event('content_part.added', { ...place, part: part('') }),
      ],
      piece: (delta) => event('output_text.delta', { ...place, delta }),
      end: (done) => [
        event('output_text.done', { ...place, text: done.text }),
        event('completed', { response: whole(done) }),
      ],
    },
  );
}

function usage({ promptTokens, cachedTokens, completionTokens }: Finished): Body {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: promptTokens + completionTokens,
  };
}

function part(text: string): Body {
  return { type: 'output_text', text, annotations: [] };
}

function messagesOf(body: Body): unknown {
  const { input } = body;
  const instructions = optionalText(body, 'instructions');
  const system = instructions === null ? [] : [{ role: 'system', content: instructions }];
  if (typeof input === 'string') return [...system, { role: 'user', content: input }];
  // Only messages: calls of tools and their results have nothing that sim could read.
  return Array.isArray(input) ? [...system, ...input.filter(isMessage)] : input;
}

function isMessage(item: unknown): boolean {
  return (asObject(item)?.['type'] ?? 'message') === 'message';
}
