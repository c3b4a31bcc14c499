/** Ends a process that lives and is no good any more; what follows is as if it had ended by itself. */
import type { Actor } from './actor.ts';
import { unhealthy } from './failure.ts';
import type { LiveRun } from './live-run.ts';

/** It lost a process that it cannot serve without, which `seen` says in words. */
export function giveUpDegraded(run: LiveRun, actor: Actor, seen: string): void {
  giveUp(run, actor, seen, actor.spec.degradedStopGraceMs);
}

/** It failed its checks as often as its rule allows; `seen` is what was wrong the last time. */
export function giveUpUnhealthy(run: LiveRun, actor: Actor, seen: string): void {
  giveUp(run, actor, seen, (actor.spec.liveness ?? run.plan.liveness).stopGraceMs);
}

function giveUp({ journal, underWay }: LiveRun, actor: Actor, seen: string, graceMs?: number): void {
  const { name, stopGraceMs } = actor.spec;
  journal.tell({ type: 'unhealthy', process: name, seen });
  void underWay.track(
    actor.discard(unhealthy(actor.spec, seen), Math.min(stopGraceMs, graceMs ?? stopGraceMs)),
  );
}
