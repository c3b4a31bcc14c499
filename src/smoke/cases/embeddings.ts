/** Texts become vectors: of one length, finite, equal for equal texts and different for different ones. */
import type { SmokeCase } from '../case.ts';
import { wrong } from '../verdict.ts';
import { listOf, numberOf, objectOf } from '../json.ts';

/** Batches are computed in other orders, so equal texts may differ in the last digits. */
const sameWithin = 0.001;

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
