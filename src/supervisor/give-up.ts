/** Ends a process that lives and is no good any more; what follows is as if it had ended by itself. */
import type { Actor } from './actor.ts';
import { unhealthy } from './failure.ts';
import type { LiveRun } from './live-run.ts';

/** Time for one that can serve no more to leave discovery, which real workers do first on SIGTERM, in milliseconds. */
const crippledGraceMs = 2_000;

/** It lost a process that it cannot serve without, which `seen` says in words. */
export function giveUpCrippled(run: LiveRun, actor: Actor, seen: string): void {
  giveUp(run, actor, seen, crippledGraceMs);
}

/** It failed its checks as often as its rule allows; `seen` is what was wrong the last time. */
export function giveUpUnhealthy(run: LiveRun, actor: Actor, seen: string): void {
  giveUp(run, actor, seen, actor.spec.liveness?.stopGraceMs ?? Infinity);
}

function giveUp({ journal, underWay }: LiveRun, actor: Actor, seen: string, mostMs: number): void {
  const { name, stopGraceMs } = actor.spec;
  journal.tell({ type: 'unhealthy', process: name, seen });
  void underWay.track(actor.discard(unhealthy(actor.spec, seen), Math.min(stopGraceMs, mostMs)));
}
