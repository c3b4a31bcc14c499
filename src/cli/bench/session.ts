/** What happens to one arm: it is brought up, warmed, loaded point by point, and taken down; and what was seen of it. */
import { messageOf } from '../../base/error-code.ts';
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
  problem(arm: Arm, error: unknown): void;
  stopping(arm: Arm): void;
}

/** Reads the figures of the server while a point runs. */
export type Observe = (
  deployed: Deployed,
  signal: AbortSignal,
) => Promise<{ end(): Promise<readonly RoleFigures[]> }>;

export interface BenchSurroundings extends Omit<Surroundings, 'onEvent'> {
  readonly onEvent: (arm: Arm, event: Parameters<Surroundings['onEvent']>[0]) => void;
  readonly narrator: Narrator;
  readonly observe: Observe;
}

/** One arm through all rounds. Nothing here rejects for what happens to a deployment: that is a problem of the arm. */
export interface ArmSession {
  readonly arm: Arm;
  /** Why it did not start even once: trying again would fail again, minutes later. */
  readonly failure: () => unknown;
  up(round: number): Promise<Warm | undefined>;
  points(warm: Warm, round: number): Promise<void>;
  down(warm: Warm): Promise<void>;
  result(): ArmResult;
  notes(): readonly string[];
}

export function armSession(arm: Arm, plan: BenchPlan, around: BenchSurroundings): ArmSession {
  const { signal, narrator } = around;
  let about: Deployed['about'] | undefined;
  const rounds: RoundOfPoint[][] = plan.load.points.map(() => []);
  const problems: string[] = [];
  const notes = new Set<string>();
  let failure: unknown;
  const problem = (error: unknown): void => {
    const text = messageOf(error);
    if (problems.includes(text)) return;
    problems.push(text);
    if (about === undefined) failure ??= error;
    // The failure of the only arm is that of the command.
    if (about !== undefined || plan.arms.length > 1) narrator.problem(arm, error);
  };
  const warmOf = async (deployed: Deployed): Promise<Warm> => {
    try {
      const manners = await learnManners(
        deployed.target,
        plan.load,
        plan.limits,
        AbortSignal.any([signal, deployed.gone]),
      );
      for (const note of manners.notes) notes.add(note);
      about = { ...deployed.about, simulated: deployed.about.simulated || manners.simulated };
      return { deployed, manners };
    } catch (error) {
      await deployed.down().catch(problem);
      throw error;
    }
  };
  return {
    arm,
    failure: () => failure,
    up: async (round) => {
      try {
        narrator.starting(arm, round);
        const deployed = await deploy(arm, { ...around, onEvent: (event) => around.onEvent(arm, event) });
        about = deployed.about;
        narrator.started(arm, round);
        return await warmOf(deployed);
      } catch (error) {
        if (!signal.aborted) problem(error);
        return undefined;
      }
    },
    points: async (warm, round) => {
      const { gone } = warm.deployed;
      for (const [index, point] of plan.load.points.entries()) {
        if (signal.aborted || gone.aborted) break;
        try {
          const tell = (progress: Progress | 'warming up'): void =>
            narrator.loading(arm, round, point, progress);
          const measured = await measurePoint(plan, warm, {
            round,
            index,
            signal,
            observe: around.observe,
            tell,
          });
          if (measured === undefined) continue;
          rounds[index]?.push(measured);
          narrator.measured(arm, round, point, measured);
        } catch (error) {
          if (!signal.aborted && !gone.aborted) problem(error);
        }
      }
      if (gone.aborted && !signal.aborted) problem(gone.reason);
    },
    down: async ({ deployed }) => {
      narrator.stopping(arm);
      await deployed.down().catch(problem);
    },
    result: () => armResult(arm, about, { rounds, problems, load: plan.load }),
    notes: () => [...notes],
  };
}

/** A deployment that serves, and how it wants to be asked. */
export interface Warm {
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
  const fit = await warmUp(target, { load, place, manners, limits }, count, AbortSignal.any([signal, gone]));
  if (signal.aborted) return undefined;
  const watching = await observe(deployed, signal);
  const figures = await loader.measure(
    deployed,
    { load, round, point: index, manners: { ...manners, fit } },
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

interface Seen {
  readonly rounds: readonly (readonly RoundOfPoint[])[];
  readonly problems: readonly string[];
  readonly load: Load;
}

function armResult(
  arm: Arm,
  about: Deployed['about'] | undefined,
  { rounds, problems, load }: Seen,
): ArmResult {
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
    ...(arm.kind === 'profile' && arm.profile.predicted !== undefined
      ? { predicted: arm.profile.predicted }
      : {}),
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
