/** The actors of a run, one per process, and how the run reacts when one of them fails. */
import type { ProcessSpec } from '../plan/plan.ts';
import { deferred } from '../base/deferred.ts';
import { type Actor, type Actors, createActor, type Turn } from './actor.ts';
import type { Failure } from './events.ts';
import type { RunContext } from './run-context.ts';
import { giveUpDegraded } from './liveness.ts';
import type { StartupLimit } from './readiness.ts';
import { afterLoss, recovery, type RecoveryTerms } from './restart.ts';

export interface ActorSet {
  /** Follows `add` and `remove`. */
  readonly all: Actors;
  add(spec: ProcessSpec): Actor;
  remove(name: string): void;
  /** Of one that was lost. Settles when it is ready again or was given up. Never rejects. */
  restart({ name }: ProcessSpec, reason: Failure, terms: RecoveryTerms): Promise<void>;
}

export function createActors(run: RunContext, { progressed, unblocked }: StartupLimit): ActorSet {
  const { plan, deps, journal, shutdown, pendingWork } = run;
  const recover = recovery({
    clock: deps.clock,
    random: deps.random,
    shutdown: shutdown.signal,
    enter: journal.enter,
    fail: shutdown.fail,
    note: (text) => journal.record({ type: 'note', text }),
  });
  const onLost = (actor: Actor, seen: Failure): void => {
    const trial = run.onTrial.get(actor.spec.name);
    if (trial !== undefined) return trial(seen);
    const { follows, reason } = afterLoss(run.plan, journal.status(), actor.spec, seen);
    if (follows === 'recovery') void pendingWork.track(recover(actor, reason));
    else shutdown.fail(reason);
  };
  const turns = createTurns(run, unblocked);
  const actorOf = (spec: ProcessSpec): Actor => {
    const actor = createActor(spec, {
      launcher: deps.launcher,
      prober: deps.prober,
      clock: deps.clock,
      loads: deps.loads,
      startupCapMs: plan.startupCapMs,
      turn: turns,
      shutdown: shutdown.signal,
      enter: (state, about) => journal.enter(spec.name, state, about),
      onProgress: (progress) => progressed(spec.name, progress),
      onLost: (seen) => onLost(actor, seen),
      onDegraded: (child) => giveUpDegraded(run, actor, child),
    });
    return actor;
  };
  const all = new Map(plan.processes.map((spec) => [spec.name, actorOf(spec)]));
  return {
    all,
    add: (spec) => {
      const actor = actorOf(spec);
      all.set(spec.name, actor);
      return actor;
    },
    remove: (name) => void all.delete(name),
    restart: async ({ name }, reason, terms) => {
      const actor = all.get(name);
      if (actor !== undefined) await pendingWork.track(recover(actor, reason, terms));
    },
  };
}

/** Lets processes with the same `loadsInTurn` load one after the other. `unblocked`: called when one has waited. */
function createTurns({ deps: { clock }, shutdown }: RunContext, unblocked: () => void) {
  const last = new Map<string, { name: string; loaded: Promise<void>; isOver: () => boolean }>();
  return async ({ name, loadsInTurn }: ProcessSpec): Promise<Turn> => {
    if (loadsInTurn === undefined) return { over: () => {} };
    const loaded = deferred<void>();
    let isOver = false;
    const turn = {
      over: () => {
        isOver = true;
        loaded.resolve();
      },
    };
    const before = last.get(loadsInTurn);
    last.set(loadsInTurn, { name, loaded: loaded.promise, isOver: () => isOver });
    if (before === undefined || before.isOver()) return turn;
    const begin = clock.now();
    await Promise.race([before.loaded, shutdown.begun]);
    if (shutdown.signal.aborted) turn.over();
    shutdown.signal.throwIfAborted();
    unblocked();
    return { ...turn, waited: { for: `${before.name} to be ready`, ms: clock.now() - begin } };
  };
}
