/**
 * Faults injected by `--fault`. Each breaks one thing that clients rely on, and `dynamo smoke` or the readiness proof of
 * `up` must detect exactly that one.
 */
import { ApiError, asObject, type Body } from './api-body.ts';

export const caseFaults = [
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

/** Each disables prefix routing in one pool, so that requests go round robin: `up` must not report ready. */
const routingFaults = ['prefill-routing', 'decode-routing'] as const;

export const seededFaults = [...caseFaults, ...routingFaults] as const;

export type CaseFault = (typeof caseFaults)[number];
export type SeededFault = (typeof seededFaults)[number];

/**
 * With the fault `kv-reuse`, prefix routing stops after this many requests, later than the readiness proof of `up`; the
 * pool that only decodes goes on to be routed by its load.
 */
const routedWell = 12;

/** Whether this pool ignores cached prefixes. `routed`: requests routed so far. */
export function takesTurns(fault: SeededFault | undefined, role: string, routed: number): boolean {
  return fault === `${role}-routing` || (fault === 'kv-reuse' && role !== 'decode' && routed >= routedWell);
}

/** With the fault `concurrency`, this many requests at once are refused. */
export const busyFrom = 5;

type SpoilRequest = (body: Body, served: readonly string[]) => Body;

const requests: Readonly<Partial<Record<SeededFault, SpoilRequest>>> = {
  'two-turns': (body) =>
    Array.isArray(body['messages']) ? { ...body, messages: body['messages'].slice(-1) } : body,
  stop: (body) => ({ ...body, stop: null }),
  'max-tokens': (body) =>
    typeof body['max_tokens'] === 'number' ? { ...body, max_tokens: body['max_tokens'] + 3 } : body,
  image: (body) => ({ ...body, size: String(body['size']).replace(/^\d+/, '64') }),
  'unknown-model': (body, served) => ({ ...body, model: served[0] ?? body['model'] }),
  vision: (body) => {
    if (JSON.stringify(body).includes('data:image/jpeg')) throw new ApiError(500, 'no decoder for JPEG');
    return body;
  },
};

const answers: Readonly<Partial<Record<SeededFault, (answer: Body) => Body>>> = {
  chat: (answer) => (answer['object'] === 'chat.completion' ? { ...answer, object: 'answer' } : answer),
  completions: (answer) =>
    answer['object'] === 'text_completion' ? { ...answer, object: 'answer' } : answer,
  usage: (answer) => ({ ...answer, usage: { ...asObject(answer['usage']), total_tokens: 1 } }),
  embeddings: (answer) => spoilEach(answer, (item) => ({ ...item, embedding: noise(item['embedding']) })),
  video: (answer) => spoilEach(answer, (item) => ({ ...item, b64_json: half(item['b64_json']) })),
};

/** The request as a broken frontend would read it. `served`: names of the served models. */
export function spoilRequest(fault: SeededFault | undefined, body: Body, served: readonly string[]): Body {
  return (fault === undefined ? undefined : requests[fault])?.(body, served) ?? body;
}

/** The answer as a broken frontend would give it. */
export function spoilAnswer(fault: SeededFault | undefined, answer: Body): Body {
  return (fault === undefined ? undefined : answers[fault])?.(answer) ?? answer;
}

function spoilEach(answer: Body, spoil: (item: Body) => Body): Body {
  const { data } = answer;
  if (!Array.isArray(data)) return answer;
  return { ...answer, data: data.map((item: unknown) => spoil(asObject(item) ?? {})) };
}

function noise(vector: unknown): unknown {
  return Array.isArray(vector) ? vector.map(() => Math.random() - 0.5) : vector;
}

function half(base64: unknown): unknown {
  return typeof base64 === 'string' ? base64.slice(0, Math.floor(base64.length / 8) * 4) : base64;
}
