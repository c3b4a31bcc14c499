/** What `dynamo advise` predicted for a profile, beside what was measured at the nearest point. */
import type { Profile } from '../profile/profile.ts';
import { numberText, timeText } from './conditions.ts';
import { metricNamed, overRounds } from './figures.ts';
import { type ArmResult, type BenchResult, type PointResult, shownRounds } from './result.ts';
import { pointWords, type TokenRange } from './workload.ts';

type Prediction = NonNullable<Profile['predicted']>;

/** Figures that both have. */
const shared: readonly (readonly [keyof Prediction, string, (value: number) => string, string])[] = [
  ['ttftMs', 'ttft.p50', timeText, 'TTFT'],
  ['itlMs', 'itl.p50', timeText, 'ITL'],
  ['tokensPerSecondPerGpu', 'tokens-per-gpu', numberText, 'tokens/s per GPU'],
  ['tokensPerSecondPerUser', 'tokens-per-user', numberText, 'tokens/s per user'],
];

/** Two lines for each arm that has a prediction: what was predicted and for what, and the same figures as measured. */
export function predictedLines({ arms, load }: Pick<BenchResult, 'arms' | 'load'>): string[] {
  return arms.flatMap((arm) => {
    const { predicted, short, simulated } = arm;
    if (predicted === undefined) return [];
    const { by, data, gpu, gpus, inputTokens, outputTokens, concurrency } = predicted;
    const words = shared.map(([key, , show, title]) => `${title} ${show(Number(predicted[key]))}`).join(', ');
    const nearest = nearestPoint(arm, concurrency);
    const measured =
      nearest === undefined
        ? `${short} measured: no point with a concurrency has figures.`
        : `${short} ${simulated ? 'on a simulated engine, which no prediction is about' : 'measured'} ${pointWords(nearest.at)}: ${measuredWords(nearest)}.`;
    return [
      `${short} predicted at concurrency ${Math.round(concurrency)} by ${by} from data of ${data} on ${gpus} × ${gpu}, ${inputTokens} tokens in, ${outputTokens} out: ${words}.`,
      `${measured}${otherLoad(load, predicted)}`,
    ];
  });
}

function measuredWords(point: PointResult): string {
  const rounds = shownRounds(point);
  return shared
    .map(([, metric, show, title]) => {
      const seen = overRounds(rounds, metricNamed(metric));
      return `${title} ${seen === undefined ? 'unknown' : show(seen.median)}`;
    })
    .join(', ');
}

/** By ratio: 64 is as far from 32 as from 128. */
function nearestPoint({ points }: ArmResult, concurrency: number): PointResult | undefined {
  const distance = ({ at }: PointResult): number =>
    at.kind === 'concurrency' ? Math.abs(Math.log(at.value / concurrency)) : Infinity;
  return points
    .filter((point) => point.at.kind === 'concurrency' && shownRounds(point).length > 0)
    .toSorted((a, b) => distance(a) - distance(b))[0];
}

function otherLoad({ isl, osl }: BenchResult['load'], { inputTokens, outputTokens }: Prediction): string {
  if (isExactly(isl, inputTokens) && isExactly(osl, outputTokens)) return '';
  return ` The load was another one: --isl ${inputTokens} --osl ${outputTokens} is the one of the prediction.`;
}

function isExactly({ low, high }: TokenRange, tokens: number): boolean {
  return low === tokens && high === tokens;
}
