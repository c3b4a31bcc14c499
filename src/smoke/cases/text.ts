/** The other routes that take text: completions and embeddings. */
import type { SmokeCase } from '../case.ts';
import { listOf, numberOf, objectOf, shown, textOf } from '../json.ts';
import { answersText } from '../target.ts';
import { wrong } from '../verdict.ts';

/** The route without chat templates answers, too. */
export const completions: SmokeCase = {
  name: 'completions',
  fits: answersText,
  run: async (client, { model }) => {
    const body = await client.ask('/v1/completions', {
      model,
      prompt: 'The quick brown fox',
      max_tokens: 8,
      temperature: 0,
    });
    const choice = objectOf(listOf(body.choices)[0]);
    const tokens = numberOf(objectOf(body.usage).completion_tokens);
    if (body.object !== 'text_completion') wrong(`object is ${shown(body.object)}, not text_completion`);
    if (!textOf(choice.text) && !(tokens > 0)) wrong(`no text: ${shown(body)}`);
    return shown(textOf(choice.text) ?? `${tokens} tokens`).slice(0, 40);
  },
};

/** Batches are computed in other orders, so equal texts may differ in the last digits. */
const sameWithin = 0.001;

/** Texts become vectors: of one length, finite, equal for equal texts and different for different ones. */
export const embeddings: SmokeCase = {
  name: 'embeddings',
  fits: ({ proof }) => proof.request === 'embedding',
  run: async (client, { model }) => {
    const input = ['A fox in the snow', 'Quarterly figures of a bank', 'A fox in the snow'];
    const { data } = await client.ask('/v1/embeddings', { model, input });
    const vectors = listOf(data).map((item) => listOf(objectOf(item).embedding).map(numberOf));
    if (vectors.length !== input.length) wrong(`${input.length} texts, but ${vectors.length} vectors`);
    const [first = [], other = [], again = []] = vectors;
    if (first.length === 0) wrong('the vectors are empty');
    if (vectors.some(({ length }) => length !== first.length)) {
      wrong(`vectors of different lengths: ${vectors.map(({ length }) => length).join(', ')}`);
    }
    if (!vectors.flat().every(Number.isFinite)) wrong('a vector holds values that are not finite numbers');
    const [same, different] = [cosine(first, again), cosine(first, other)];
    if (!(same > 1 - sameWithin)) wrong(`the same text twice, but a cosine of ${same.toFixed(4)}`);
    if (!(different < same - sameWithin)) wrong(`two texts, but a cosine of ${different.toFixed(4)}`);
    return `${first.length} dimensions, cosine ${different.toFixed(2)} to another text`;
  },
};

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
  return dot / (Math.hypot(...a) * Math.hypot(...b));
}
