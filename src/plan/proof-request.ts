/** The request that proves that a deployment serves, as a path and a JSON body; also what the panel offers to paste. */
import type { ProofSpec } from '../profile/profile.ts';

export interface ProofRequest {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A 64 × 64 PNG of four squares, black and white, so that no network is needed; Qwen-VL refuses images under 28 pixels. */
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

/** `nvext` with the fields that are set; upstream's place for parameters that OpenAI has not. */
function extensions(fields: Readonly<Record<string, number | undefined>>): Record<string, unknown> {
  const set = Object.entries(fields).filter(([, value]) => value !== undefined);
  return set.length === 0 ? {} : { nvext: Object.fromEntries(set) };
}
