/** The rounds of a benchmark: which arm is up when, and in which order arms are loaded. */
import { randomFrom, seedOf, shuffled } from '../../base/random.ts';
import type { ArmResult } from '../../bench/result.ts';
import { type ArmSession, armSession, type BenchPlan, type BenchSurroundings, type Warm } from './session.ts';

export interface Collection {
  readonly arms: readonly ArmResult[];
  readonly notes: readonly string[];
}

/** Ends early when the signal aborts. What was brought up is taken down. Throws what kept the only arm from starting. */
export async function runRounds(plan: BenchPlan, around: BenchSurroundings): Promise<Collection> {
  const sessions = plan.arms.map((arm) => armSession(arm, plan, around));
  const schedule: Schedule = {
    sessions,
    rounds: Array.from({ length: plan.rounds }, (_, i) => i + 1),
    // Random within a round: whichever comes first finds the machine in another state.
    inOrder: (round) => shuffled(sessions, randomFrom(seedOf(plan.load.seed, round, 7))),
    isOver: () => around.signal.aborted,
  };
  await { 'per-round': perRound, together, 'in-turn': inTurn }[plan.starts](schedule);
  const [first, ...others] = sessions;
  const failure = others.length === 0 ? first?.failure() : undefined;
  if (failure !== undefined) throw failure;
  return {
    arms: sessions.map((session) => session.result()),
    notes: [...new Set(sessions.flatMap((session) => session.notes()))],
  };
}

interface Schedule {
  readonly sessions: readonly ArmSession[];
  readonly rounds: readonly number[];
  inOrder(round: number): readonly ArmSession[];
  isOver(): boolean;
}

async function perRound({ rounds, inOrder, isOver }: Schedule): Promise<void> {
  for (const round of rounds) {
    for (const session of inOrder(round)) {
      const warm = isOver() || session.failure() !== undefined ? undefined : await session.up(round);
      if (warm === undefined) continue;
      await session.points(warm, round);
      await session.down(warm);
    }
  }
}

async function inTurn({ sessions, rounds, isOver }: Schedule): Promise<void> {
  for (const session of sessions) {
    const warm = isOver() ? undefined : await session.up(1);
    if (warm === undefined) continue;
    for (const round of rounds) await session.points(warm, round);
    await session.down(warm);
  }
}

/** One that does not start leaves nothing to compare: then the others are not loaded either. */
async function together({ sessions, rounds, inOrder, isOver }: Schedule): Promise<void> {
  const warm = new Map<ArmSession, Warm>();
  for (const session of sessions) {
    const up = isOver() ? undefined : await session.up(1);
    if (up === undefined) break;
    warm.set(session, up);
  }
  for (const round of warm.size === sessions.length ? rounds : []) {
    for (const session of inOrder(round)) {
      const up = warm.get(session);
      if (up !== undefined) await session.points(up, round);
    }
  }
  for (const [session, up] of warm) await session.down(up);
}
