/** Embeddings as a bag of words: unit vectors, closer to each other the more tokens two texts share. */
import { bad, optionalCount, optionalText, texts, type Body } from './fields.ts';
import { randomFrom, tokenize } from './tokenizer.ts';

/** Reads the body of /v1/embeddings and makes its answer. */
export function embeddings(body: Body): Body {
  const inputs = texts(body, 'input');
  if (inputs.length === 0) bad('input', 'input must be text or a list of texts');
  const dimensions = optionalCount(body, 'dimensions', 4096) ?? 128;
  const base64 = optionalText(body, 'encoding_format') === 'base64';
  const data = inputs.map((input, index) => {
    const vector = embed(input, dimensions);
    const embedding = base64 ? Buffer.from(vector.buffer).toString('base64') : [...vector];
    return { object: 'embedding', index, embedding };
  });
  const tokens = inputs.reduce((sum, input) => sum + tokenize(input).length, 0);
  return {
    object: 'list',
    data,
    model: body['model'],
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

function embed(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  for (const token of new Set(tokenize(text))) {
    const random = randomFrom(token);
    for (let i = 0; i < dimensions; i++) vector[i] = (vector[i] ?? 0) + random() * 2 - 1;
  }
  // An empty text has no direction: a fixed one keeps the vector finite and of length one.
  const norm = Math.hypot(...vector);
  if (norm === 0) vector[0] = 1;
  return vector.map((x) => x / (norm || 1));
}
