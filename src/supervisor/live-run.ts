/** What the parts of one supervision share, from its first process to its last. */
import type { Plan } from '../plan/plan.ts';
import type { Journal } from './journal.ts';
import { createLeaving, type Leaving } from './leaving.ts';
import { createUnderWay, type UnderWay } from './under-way.ts';
import type { World } from './world.ts';

export interface LiveRun {
  readonly plan: Plan;
  readonly world: World;
  readonly journal: Journal;
  readonly leaving: Leaving;
  readonly underWay: UnderWay;
}

export function openRun(plan: Plan, world: World, journal: Journal): LiveRun {
  const leaving = createLeaving(journal, world.diagnose);
  return { plan, world, journal, leaving, underWay: createUnderWay() };
}
