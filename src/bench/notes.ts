/** What limits the figures of a result, in words: the generator's own cost, few requests, other lengths, unequal arms. */
import { percentText } from './comparison.ts';
import { numberText, timeText } from './conditions.ts';
import { type ArmResult, type BenchResult, type PointResult, shownRounds } from './result.ts';
import { meanOf } from './statistics.ts';
import { pointWords } from './workload.ts';

/** Lengths that differ by less are the rounding of whole words. */
const lengthTolerance = 0.02;
const fewForP99 = 100;

export function notesOf(result: BenchResult, cores: number): string[] {
  return [
    ...generatorNotes(result),
    ...machineNotes(result, cores),
    ...turnNotes(result),
    ...unequalNotes(result),
    ...result.arms.flatMap((arm) => lengthNotes(arm)),
    ...fewNotes(result),
  ];
}

function generatorNotes({ generator, arms, load }: BenchResult): string[] {
  if (load.with !== 'dynamo') return [`Load generator: ${load.with}; its own load was not measured.`];
  const own = arms.flatMap(({ points }) =>
    points.flatMap(({ rounds }) => rounds.map(({ figures }) => figures.own)),
  );
  if (own.length === 0) return [];
  const busiest = Math.max(...own.map(({ busy }) => busy));
  const latest = Math.max(...own.map(({ lagP99Ms, lateP99Ms }) => Math.max(lagP99Ms, lateP99Ms)));
  const cost =
    generator === undefined
      ? ''
      : `On a bare server it adds ${timeText(generator.ttftP50Ms)} to a TTFT and takes ${numberText(Math.round(generator.tokensPerSecond / 1000))} thousand tokens/s. `;
  return [
    `Load generator: ${cost}Here it was busy for at most ${percentText(busiest)}, and at most ${timeText(latest)} late (p99).`,
  ];
}

function machineNotes({ machine }: BenchResult, cores: number): string[] {
  if (machine.loadAverage <= cores) return [];
  return [
    `This machine was busy with other work: its load average at the start was ${machine.loadAverage.toFixed(1)} on ${cores} cores.`,
  ];
}

/** Arms in turn are not alternated: what changes on the machine meanwhile looks like a difference between them. */
function turnNotes({ arms, load }: BenchResult): string[] {
  if (arms.length < 2 || load.starts !== 'in-turn') return [];
  return [
    'The arms ran one after the other, not in turns: what changed on the machine meanwhile counts as their difference.',
  ];
}

function unequalNotes({ arms }: BenchResult): string[] {
  const [first] = arms;
  const counted = arms.filter(({ gpus }) => gpus !== undefined);
  if (first === undefined || counted.length < 2 || counted.every(({ gpus }) => gpus === first.gpus))
    return [];
  return [
    `The arms use ${counted.map(({ short, gpus }) => `${gpus} (${short})`).join(' and ')} GPUs: compare tokens/s per GPU.`,
  ];
}

function lengthNotes({ short, points }: ArmResult): string[] {
  return points.flatMap((point) => {
    // A round without answers says nothing about their lengths.
    const rounds = shownRounds(point).filter(({ isl }) => isl !== undefined);
    if (rounds.length === 0) return [];
    const mean = (of: (figures: (typeof rounds)[number]) => number | undefined): number =>
      meanOf(rounds.flatMap((figures) => of(figures) ?? []));
    const pairs = [
      ['prompts', mean(({ isl }) => isl?.mean), mean(({ askedIsl }) => askedIsl)],
      ['answers', mean(({ osl }) => osl?.mean), mean(({ askedOsl }) => askedOsl)],
    ] as const;
    return pairs.flatMap(([what, seen, asked]) =>
      seen > 0 && Math.abs(seen - asked) > lengthTolerance * asked
        ? [
            `${short} ${pointWords(point.at)}: ${what} had ${numberText(seen)} tokens on average, not ${numberText(asked)}, as the server counts them.`,
          ]
        : [],
    );
  });
}

function fewNotes({ arms }: BenchResult): string[] {
  const few = arms
    .flatMap(({ points }) => points)
    .some((point: PointResult) => shownRounds(point).some(({ answered }) => answered < fewForP99));
  return few
    ? [`A p99 of fewer than ${fewForP99} requests is close to their maximum; it is in no comparison.`]
    : [];
}
