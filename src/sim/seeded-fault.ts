/** Faults on request, each of which spoils one thing that a client may rely on: `dynamo smoke` must find exactly that. */
import { ApiError } from './api-error.ts';
import { asObject, type Body } from './fields.ts';

export const seededFaults = [
  'chat',
  'chat-stream',
  'two-turns',
  'completions',
  'usage',
  'stop',
  'max-tokens',
  'vision',
  'embeddings',
  'image',
  'video',
  'unknown-model',
  'cancelled-stream',
  'concurrency',
  'kv-reuse',
  'disagg-roles',
  'metrics',
] as const;

export type SeededFault = (typeof seededFaults)[number];

/** With the fault `concurrency` more requests at once are refused. */
export const busyFrom = 5;

/** The request as a broken frontend would understand it. `served`: the models that there are. */
export function spoilRequest(fault: SeededFault | undefined, body: Body, served: readonly string[]): Body {
  switch (fault) {
    case 'two-turns':
      return Array.isArray(body['messages']) ? { ...body, messages: body['messages'].slice(-1) } : body;
    case 'stop':
      return { ...body, stop: null };
    case 'max-tokens':
      return typeof body['max_tokens'] === 'number' ? { ...body, max_tokens: body['max_tokens'] + 3 } : body;
    case 'image':
      return { ...body, size: String(body['size']).replace(/^\d+/, '64') };
    case 'unknown-model':
      return { ...body, model: served[0] ?? body['model'] };
    case 'vision':
      if (JSON.stringify(body).includes('data:image/jpeg')) throw new ApiError(500, 'no decoder for JPEG');
      return body;
    default:
      return body;
  }
}

/** The answer as a broken frontend would give it. */
export function spoilAnswer(fault: SeededFault | undefined, answer: Body): Body {
  switch (fault) {
    case 'chat':
      return answer['object'] === 'chat.completion' ? { ...answer, object: 'answer' } : answer;
    case 'completions':
      return answer['object'] === 'text_completion' ? { ...answer, object: 'answer' } : answer;
    case 'usage':
      return 'usage' in answer
        ? { ...answer, usage: { ...asObject(answer['usage']), total_tokens: 1 } }
        : answer;
    case 'embeddings':
      return {
        ...answer,
        data: spoilEach(answer, (item) => ({ ...item, embedding: noise(item['embedding']) })),
      };
    case 'video':
      return {
        ...answer,
        data: spoilEach(answer, (item) => ({ ...item, b64_json: half(item['b64_json']) })),
      };
    default:
      return answer;
  }
}

function spoilEach({ data }: Body, spoil: (item: Body) => Body): unknown {
  return Array.isArray(data) ? data.map((item: unknown) => spoil(asObject(item) ?? {})) : data;
}

function noise(vector: unknown): unknown {
  return Array.isArray(vector) ? vector.map(() => Math.random() - 0.5) : vector;
}

function half(base64: unknown): unknown {
  return typeof base64 === 'string' ? base64.slice(0, Math.floor(base64.length / 8) * 4) : base64;
}
