/** Every request case, in the order in which they run; each says itself which deployments it fits. */
import type { SmokeCase } from './case.ts';
import { cancelledStream } from './cases/cancelled-stream.ts';
import { chatCase } from './cases/chat.ts';
import { chatStreamCase } from './cases/chat-stream.ts';
import { completions } from './cases/completions.ts';
import { concurrency } from './cases/concurrency.ts';
import { embeddings } from './cases/embeddings.ts';
import { image } from './cases/image.ts';
import { kvReuse } from './cases/kv-reuse.ts';
import { maxTokens } from './cases/max-tokens.ts';
import { metrics } from './cases/metrics.ts';
import { roles } from './cases/roles.ts';
import { stop } from './cases/stop.ts';
import { twoTurns } from './cases/two-turns.ts';
import { unknownModel } from './cases/unknown-model.ts';
import { usage } from './cases/usage.ts';
import { video } from './cases/video.ts';
import { vision } from './cases/vision.ts';
import type { Target } from './target.ts';

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
