/** All cases, in the order in which they run; each decides which deployments it applies to. */
import type { Target } from './target.ts';
import type { SmokeCase } from './client.ts';
import { chatCase, chatStreamCase, completions, embeddings, twoTurns, usage } from './cases/text.ts';
import { cancelledStream, concurrency, maxTokens, stop, unknownModel } from './cases/limits-and-errors.ts';
import { image, video, vision } from './cases/media.ts';
import { kvReuse, metrics, roles } from './cases/routing-and-metrics.ts';

export const smokeCases: readonly SmokeCase[] = [
  chatCase,
  chatStreamCase,
  twoTurns,
  completions,
  usage,
  stop,
  maxTokens,
  vision,
  embeddings,
  image,
  video,
  unknownModel,
  cancelledStream,
  concurrency,
  kvReuse,
  roles,
  metrics,
];

export function casesFor(target: Target): SmokeCase[] {
  return smokeCases.filter((each) => each.fits(target));
}
