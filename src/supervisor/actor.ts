/** One process of a plan through all its lives: started, watched, stopped, started again on the same ports and GPUs. */
import { type Deferred, deferred } from '../base/deferred.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import type { Child, Launcher } from './contracts.ts';
import type { Failure, ProcessState, StepFacts, StopReport, Waited } from './events.ts';
import { exitedTooEarly, StartFailure } from './failure.ts';
import { type StartWorld, untilReady } from './readiness.ts';

export interface ActorWorld extends StartWorld {
  readonly launcher: Launcher;
  /** Aborts when the whole run is being taken down. */
  readonly shutdown: AbortSignal;
  readonly enter: (state: ProcessState, about?: StepFacts) => void;
  /** The process ended after it had been ready, and nobody had asked it to. */
  readonly onLost: (reason: Failure) => void;
  /** It lives, but lost a process that it cannot serve without. */
  readonly onDegraded: (seen: string) => void;
}

export interface Actor {
  readonly spec: ProcessSpec;
  readonly started: Promise<void>;
  readonly ready: Promise<void>;
  /** The handle on its present or last life. */
  child(): Child | undefined;
  /** False once somebody asked for its end: then its end is no failure, and it is not restarted. */
  wanted(): boolean;
  /** Settles when it is ready. Rejects with StartFailure when it is not in time or ends before. */
  start(waited?: Waited): Promise<void>;
  stop(graceMs: number): Promise<StopReport>;
  /** Ends the present life because it is no good; what follows is as if it had ended by itself. */
  discard(reason: Failure, graceMs?: number): Promise<void>;
}

const nothing: StopReport = { killed: [], left: [] };

export function createActor(spec: ProcessSpec, world: ActorWorld): Actor {
  const started: Deferred<void> = deferred();
  const ready: Deferred<void> = deferred();
  let child: Child | undefined;
  let wanted = true;
  let failureReason: Failure | undefined;

  const lost = (life: Child): void => {
    if (!world.shutdown.aborted && wanted) {
      void life.exited.then((exit) => world.onLost(failureReason ?? exitedTooEarly(spec, exit)));
    }
  };

  const watch = async (life: Child, gone: AbortController): Promise<void> => {
    const exit = await life.exited;
    if (!world.shutdown.aborted && wanted) world.enter('failed', { exit });
    gone.abort(new StartFailure(failureReason ?? exitedTooEarly(spec, exit)));
  };

  const watchChildren = async (life: Child, gone: AbortSignal): Promise<void> => {
    const seen = await life.degraded;
    if (wanted && !gone.aborted && !world.shutdown.aborted) world.onDegraded(seen);
  };

  return {
    spec,
    started: started.promise,
    ready: ready.promise,
    child: () => child,
    wanted: () => wanted,
    start: async (waited) => {
      wanted = true;
      failureReason = undefined;
      world.enter('starting', waited === undefined ? {} : { waited });
      const life = await world.launcher
        .launch(spec, { onProgress: world.onProgress, signal: world.shutdown })
        .catch((error: unknown) => {
          world.enter('failed');
          throw error;
        });
      child = life;
      world.enter('started', life.pid === undefined ? {} : { pid: life.pid });
      started.resolve();
      const gone = new AbortController();
      void watch(life, gone);
      void watchChildren(life, gone.signal);
      await untilReady(spec, waited, world, AbortSignal.any([world.shutdown, gone.signal]));
      await life.meetChildren();
      world.enter('ready');
      ready.resolve();
      gone.signal.addEventListener('abort', () => lost(life));
      if (gone.signal.aborted) lost(life);
    },
    stop: async (graceMs) => {
      wanted = false;
      if (child === undefined) return nothing;
      world.enter('stopping');
      const report = await child.stop(graceMs);
      world.enter('stopped', report.left.length === 0 ? { exit: await child.exited } : {});
      return report;
    },
    discard: async (reason, graceMs = spec.stopGraceMs) => {
      if (failureReason !== undefined) return;
      failureReason = reason;
      await child?.stop(graceMs);
    },
  };
}

/** By name, in the order of the plan. */
export type Actors = ReadonlyMap<string, Actor>;
