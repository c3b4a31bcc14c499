/** The request that proves that a deployment serves, and the judgement of its answer: an HTTP 200 alone proves nothing. */
import type { ProofSpec } from '../profile/profile.ts';

export interface ProofRequest {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A 64 × 64 PNG of four black and white squares, so that no network is needed; Qwen-VL rejects images below 28 pixels. */
export const tinyImage =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAFklEQVR42mP4DwQMIDDKwMoYDQi8DADzAv8Bj1XAKAAAAABJRU5ErkJggg==';

export function proofRequest(proof: ProofSpec, model: string): ProofRequest {
  switch (proof.request) {
    case 'chat':
      return chat(model, proof.prompt ?? 'Say hello in one short sentence.', proof.maxTokens);
    case 'vision':
      return chat(
        model,
        [
          { type: 'text', text: proof.prompt ?? 'Describe this image.' },
          { type: 'image_url', image_url: { url: tinyImage } },
        ],
        proof.maxTokens,
      );
    case 'embedding':
      return { path: '/v1/embeddings', body: { model, input: proof.prompt ?? 'Hello, world' } };
    case 'image':
      return {
        path: '/v1/images/generations',
        body: {
          ...media(proof, model, '256x256'),
          ...extensions({ num_inference_steps: proof.steps }),
        },
      };
    case 'video':
      return {
        path: '/v1/videos',
        body: {
          ...media(proof, model, '256x256'),
          seconds: proof.seconds ?? 1,
          ...extensions({ fps: proof.fps, num_frames: proof.frames, num_inference_steps: proof.steps }),
        },
      };
  }
}

function chat(model: string, content: unknown, maxTokens: number): ProofRequest {
  return {
    path: '/v1/chat/completions',
    body: { model, messages: [{ role: 'user', content }], max_tokens: maxTokens, stream: false },
  };
}

function media(proof: ProofSpec, model: string, size: string): Record<string, unknown> {
  const prompt = proof.prompt ?? 'A golden retriever riding a skateboard';
  return { model, prompt, size: proof.size ?? size, response_format: 'url' };
}

/** `nvext` with the fields that are set: upstream's parameters that OpenAI's API does not have. */
function extensions(fields: Readonly<Record<string, number | undefined>>): Record<string, unknown> {
  const set = Object.entries(fields).filter(([, value]) => value !== undefined);
  return set.length === 0 ? {} : { nvext: Object.fromEntries(set) };
}

export type Verdict =
  | { readonly answer: string }
  /** `completionTokens`: of a chat, where that is what is wrong. */
  | { readonly wrong: string; readonly completionTokens?: number };

type Json = Readonly<Record<string, unknown>>;

/** `text` is the body of a 200 answer. Never throws. */
export function judge(request: ProofSpec['request'], text: string): Verdict {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { wrong: `an answer that is not JSON: ${text.slice(0, 80)}` };
  }
  if (!isJson(body)) return { wrong: 'an answer that is not an object' };
  switch (request) {
    case 'chat':
    case 'vision':
      return judgeChat(body);
    case 'embedding':
      return judgeEmbedding(body);
    case 'image':
    case 'video':
      return judgeMedia(request, body);
  }
}

/**
 * The token count must not be zero: a broken KV transfer answers 200 with `completion_tokens: 0`. Null text with a token
 * count is a real answer, made of token ids that the tokenizer does not know.
 * Source: docs/upstream/sglang-on-cpu.md#empty-answers.
 */
function judgeChat(body: Json): Verdict {
  const usage = isJson(body.usage) ? body.usage : {};
  const tokens = Number(usage.completion_tokens ?? 0);
  const [choice] = Array.isArray(body.choices) ? (body.choices as unknown[]) : [];
  const message = isJson(choice) && isJson(choice.message) ? choice.message : {};
  const content = typeof message.content === 'string' ? message.content : undefined;
  if (!(tokens > 0)) {
    return {
      wrong: `HTTP 200 without an answer (completion_tokens ${tokens}, content ${JSON.stringify(content ?? null)})`,
      ...(Number.isFinite(tokens) ? { completionTokens: tokens } : {}),
    };
  }
  return { answer: content?.trim() || `${tokens} tokens that decode to no text` };
}

function judgeEmbedding(body: Json): Verdict {
  const [first] = Array.isArray(body.data) ? (body.data as unknown[]) : [];
  const vector = isJson(first) && Array.isArray(first.embedding) ? (first.embedding as unknown[]) : [];
  if (vector.length === 0) return { wrong: 'HTTP 200 without a vector' };
  const finite = vector.every((value) => typeof value === 'number' && Number.isFinite(value));
  if (!finite) return { wrong: 'a vector with values that are not finite numbers' };
  return { answer: `a vector of ${vector.length} numbers` };
}

/** A failed generation also answers 200, with empty data and an error. */
function judgeMedia(request: 'image' | 'video', body: Json): Verdict {
  const [first] = Array.isArray(body.data) ? (body.data as unknown[]) : [];
  const place = isJson(first) ? first.url : undefined;
  const inline = isJson(first) ? first.b64_json : undefined;
  if (typeof place === 'string' && place !== '') return { answer: place };
  if (typeof inline === 'string' && inline !== '') return { answer: `${inline.length} characters of base64` };
  const reason = typeof body.error === 'string' ? `: ${body.error}` : '';
  return { wrong: `HTTP 200 without a ${request}${reason}` };
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}
