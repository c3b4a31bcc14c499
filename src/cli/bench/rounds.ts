/** The rounds of a benchmark: brings arms up in random order, warms each, applies every point, takes it down. */
import { messageOf } from '../../base/error-code.ts';
import { randomFrom, seedOf, shuffled } from '../../base/random.ts';
import { figuresOf, type Figures, type Slo } from '../../bench/figures.ts';
import {
  applyLoad,
  learnManners,
  type Limits,
  type Manners,
  type Progress,
  warmUp,
  whyWithheld,
} from '../../bench/generator.ts';
import type { ArmResult, PointResult, RoleFigures, RoundOfPoint } from '../../bench/result.ts';
import { bottleneck } from '../../bench/why.ts';
import type { Load, Point } from '../../bench/workload.ts';
import type { Arm } from './arms.ts';
import { deploy, type Deployed, type Surroundings } from './deployed.ts';

/** How often arms start: in every round; once, all at the same time; once, one after the other. */
export type Starts = 'per-round' | 'together' | 'in-turn';

export interface Loader {
  /** Measures one point of a deployment that is warm. */
  measure(
    deployed: Deployed,
    work: { load: Load; round: number; point: number; manners: Manners },
    watch: LoadWatch,
  ): Promise<Figures>;
}

export interface LoadWatch {
  readonly signal: AbortSignal;
  readonly gone: AbortSignal;
  readonly gpus: number | undefined;
  readonly slo: Slo | undefined;
  readonly limits: Limits;
  onProgress(progress: Progress): void;
}

export interface BenchPlan {
  readonly arms: readonly Arm[];
  readonly load: Load;
  readonly rounds: number;
  readonly starts: Starts;
  readonly warmup: number | undefined;
  readonly slo: Slo | undefined;
  readonly limits: Limits;
  readonly loader: Loader;
}

/** Tells a person what is going on. */
export interface Narrator {
  starting(arm: Arm, round: number): void;
  started(arm: Arm, round: number): void;
  loading(arm: Arm, round: number, point: Point, progress: Progress | 'warming up'): void;
  measured(arm: Arm, round: number, point: Point, round_: RoundOfPoint): void;
  problem(arm: Arm, text: string): void;
}

/** Reads the figures of the server while a point runs. */
export type Observe = (
  deployed: Deployed,
  signal: AbortSignal,
) => Promise<{ end(): Promise<readonly RoleFigures[]> }>;

interface Collected {
  about: Deployed['about'] | undefined;
  readonly rounds: RoundOfPoint[][];
  readonly problems: string[];
  readonly notes: Set<string>;
}

export interface Collection {
  readonly arms: readonly ArmResult[];
  readonly notes: readonly string[];
}

/** Never rejects for what happens to a deployment: that is a problem of its arm. Ends early when the signal aborts. */
export async function runRounds(
  plan: BenchPlan,
  around: Omit<Surroundings, 'onEvent'> & {
    onEvent(arm: Arm, event: Parameters<Surroundings['onEvent']>[0]): void;
  },
  narrator: Narrator,
  observe: Observe,
): Promise<Collection> {
  const collected = new Map<Arm, Collected>(
    plan.arms.map((arm) => [
      arm,
      { about: undefined, rounds: plan.load.points.map(() => []), problems: [], notes: new Set() },
    ]),
  );
  const { signal } = around;
  const notedOf = (arm: Arm): Collected => {
    const found = collected.get(arm);
    if (found === undefined) throw new Error('an arm that is not part of the benchmark');
    return found;
  };
  const up = async (arm: Arm, round: number): Promise<Warm | undefined> => {
    const noted = notedOf(arm);
    try {
      narrator.starting(arm, round);
      const deployed = await deploy(arm, { ...around, onEvent: (event) => around.onEvent(arm, event) });
      noted.about = deployed.about;
      narrator.started(arm, round);
      try {
        const manners = await learnManners(
          deployed.target,
          plan.load,
          plan.limits,
          AbortSignal.any([signal, deployed.gone]),
        );
        for (const note of manners.notes) noted.notes.add(note);
        if (manners.simulated) noted.about = { ...deployed.about, simulated: true };
        return { deployed, manners };
      } catch (error) {
        await deployed.down().catch(() => {});
        throw error;
      }
    } catch (error) {
      if (!signal.aborted) problem(arm, messageOf(error));
      return undefined;
    }
  };
  const problem = (arm: Arm, text: string): void => {
    const { problems } = notedOf(arm);
    if (!problems.includes(text)) problems.push(text);
    narrator.problem(arm, text);
  };
  const down = async (arm: Arm, { deployed }: Warm): Promise<void> => {
    await deployed.down().catch((error: unknown) => {
      problem(arm, messageOf(error));
    });
  };
  const points = async (arm: Arm, warm: Warm, round: number): Promise<void> => {
    const { deployed } = warm;
    for (const [index, point] of plan.load.points.entries()) {
      if (signal.aborted || deployed.gone.aborted) break;
      const measured = await measurePoint(plan, warm, {
        round,
        index,
        signal,
        observe,
        tell: (progress) => narrator.loading(arm, round, point, progress),
      });
      if (measured === undefined) continue;
      notedOf(arm).rounds[index]?.push(measured);
      narrator.measured(arm, round, point, measured);
    }
    if (deployed.gone.aborted) problem(arm, `round ${round}: ${messageOf(deployed.gone.reason)}`);
  };
  const rounds = Array.from({ length: plan.rounds }, (_, i) => i + 1);
  const orderOf = (round: number): Arm[] => shuffled(plan.arms, randomFrom(seedOf(plan.load.seed, round, 7)));
  if (plan.starts === 'together') {
    const live: (readonly [Arm, Warm])[] = [];
    for (const arm of plan.arms) {
      const warm = signal.aborted ? undefined : await up(arm, 1);
      if (warm !== undefined) live.push([arm, warm]);
    }
    for (const round of live.length === plan.arms.length ? rounds : [])
      for (const arm of orderOf(round))
        for (const [mine, warm] of live) if (mine === arm && !signal.aborted) await points(arm, warm, round);
    for (const [arm, warm] of live) await down(arm, warm);
  } else if (plan.starts === 'in-turn') {
    for (const arm of plan.arms) {
      const warm = signal.aborted ? undefined : await up(arm, 1);
      if (warm === undefined) continue;
      for (const round of rounds) if (!signal.aborted) await points(arm, warm, round);
      await down(arm, warm);
    }
  } else {
    for (const round of rounds) {
      for (const arm of orderOf(round)) {
        // What failed to start once would only fail again, minutes later.
        if (signal.aborted || (notedOf(arm).about === undefined && notedOf(arm).problems.length > 0))
          continue;
        const warm = await up(arm, round);
        if (warm === undefined) continue;
        await points(arm, warm, round);
        await down(arm, warm);
      }
    }
  }
  return {
    arms: plan.arms.map((arm) => armResult(arm, notedOf(arm), plan.load)),
    notes: [...new Set([...collected.values()].flatMap(({ notes }) => [...notes]))],
  };
}

interface Warm {
  readonly deployed: Deployed;
  readonly manners: Manners;
}

interface PointWork {
  readonly round: number;
  readonly index: number;
  readonly signal: AbortSignal;
  readonly observe: Observe;
  tell(progress: Progress | 'warming up'): void;
}

async function measurePoint(
  { load, warmup, limits, slo, loader }: BenchPlan,
  { deployed, manners }: Warm,
  { round, index, signal, observe, tell }: PointWork,
): Promise<RoundOfPoint | undefined> {
  const point = load.points[index];
  if (point === undefined) return undefined;
  const place = { round, point: index };
  const { gone, target, about } = deployed;
  tell('warming up');
  const count = warmup ?? (point.kind === 'concurrency' ? Math.max(2, point.value) : 4);
  await warmUp(target, { load, place, manners, limits }, count, AbortSignal.any([signal, gone]));
  if (signal.aborted) return undefined;
  const watching = await observe(deployed, signal);
  const figures = await loader.measure(
    deployed,
    { load, round, point: index, manners },
    { signal, gone, gpus: about.gpus, slo, limits, onProgress: tell },
  );
  const roles = await watching.end();
  // Interrupted before anything was answered.
  if (figures.answered + figures.errors === 0) return undefined;
  return { round, figures, withheld: whyWithheld(figures.own, figures.ttft?.p50), roles };
}

/** With our own generator. */
export const ownLoader: Loader = {
  measure: async (
    { target },
    { load, round, point, manners },
    { signal, gone, gpus, slo, limits, onProgress },
  ) => {
    const work = { load, place: { round, point }, manners, limits };
    return figuresOf(await applyLoad(target, work, { signal, gone, onProgress }), gpus, slo);
  },
};

function armResult(arm: Arm, { about, rounds, problems }: Collected, load: Load): ArmResult {
  return {
    id: arm.id,
    label: arm.label,
    short: arm.short,
    profile: arm.kind === 'profile' ? arm.profile.name : undefined,
    url: about?.url,
    model: about?.model ?? '',
    engine: about?.engine,
    simulated: about?.simulated ?? false,
    gpus: about?.gpus,
    gpuNames: about?.gpuNames ?? [],
    workers: about?.workers ?? '',
    points: load.points.map((at, i): PointResult => ({
      at,
      rounds: rounds[i] ?? [],
      why: whyOf(rounds[i] ?? []),
    })),
    problems,
  };
}

/** Of the round in the middle. */
function whyOf(rounds: readonly RoundOfPoint[]): string[] {
  const middle = rounds.toSorted((a, b) => (a.figures.ttft?.p50 ?? 0) - (b.figures.ttft?.p50 ?? 0))[
    Math.floor(rounds.length / 2)
  ];
  return middle === undefined || middle.withheld !== undefined
    ? []
    : bottleneck(middle.figures, middle.roles);
}
