/** One process of a plan: started, watched, stopped, and restarted on the same ports and GPUs. */
import type { LostChild } from '../base/error.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import type { Child, Launcher } from './contracts.ts';
import type { Exit, Failure, ProcessState, StepFacts, StopReport, Waited } from './events.ts';
import { exitedTooEarly, StartFailure, stoppedBeforeStart } from './failure.ts';
import { type StartDependencies, type StartTerms, untilReady } from './readiness.ts';

export interface ActorDependencies extends StartDependencies {
  readonly launcher: Launcher;
  /** Settles when it may load. Rejects when the whole run shuts down. */
  readonly turn: (spec: ProcessSpec) => Promise<Turn>;
  /** Aborts when the whole run shuts down. */
  readonly shutdown: AbortSignal;
  readonly enter: (state: ProcessState, about?: StepFacts) => void;
  /** The process ended unexpectedly after it had been ready. */
  readonly onLost: (reason: Failure) => void;
  /** It is running, but lost a child process that it cannot serve without. */
  readonly onDegraded: (lost: LostChild) => void;
}

export interface Turn {
  /** Set if another process was loading. */
  readonly waited?: Waited;
  /** Call this when it has loaded or failed. */
  over(): void;
}

export interface Actor {
  readonly spec: ProcessSpec;
  readonly started: Promise<void>;
  readonly ready: Promise<void>;
  /** The running process, or the last one that ran. */
  child(): Child | undefined;
  /** False once a stop was requested: its end is then no failure, and it is not restarted. */
  wanted(): boolean;
  /** How often it was started or stopped: what waits to start it gives up if this has changed. */
  requests(): number;
  /** Settles when it is ready. Rejects with StartFailure when it is not ready in time or ends first. */
  start(terms?: StartTerms): Promise<void>;
  stop(graceMs: number): Promise<StopReport>;
  /** Stops a process that does not work; what follows is the same as if it had exited. */
  discard(reason: Failure, graceMs?: number): Promise<void>;
}

const nothing: StopReport = { killed: [], left: [] };

export function createActor(spec: ProcessSpec, deps: ActorDependencies): Actor {
  const started: Deferred<void> = deferred();
  const ready: Deferred<void> = deferred();
  let child: Child | undefined;
  let launching: Promise<Child> | undefined;
  let wanted = true;
  let requests = 0;
  let failureReason: Failure | undefined;

  const launch = async (): Promise<Child> => {
    child = await deps.launcher.launch(spec, { onProgress: deps.onProgress, signal: deps.shutdown });
    return child;
  };

  const lost = (life: Child): void => {
    if (!deps.shutdown.aborted && wanted) {
      void life.exited.then((exit) => deps.onLost(failureReason ?? exitedTooEarly(spec, exit, life.pid)));
    }
  };

  const watch = async (life: Child, onGone: (exit: Exit) => void): Promise<void> => {
    const exit = await life.exited;
    if (!deps.shutdown.aborted && wanted) deps.enter('failed', { exit });
    onGone(exit);
  };

  const watchChildren = async (life: Child, isGone: () => boolean): Promise<void> => {
    const seen = await life.degraded;
    if (wanted && !isGone() && !deps.shutdown.aborted) deps.onDegraded(seen);
  };

  const load = async (terms: StartTerms): Promise<void> => {
    deps.enter('starting', terms.waited === undefined ? {} : { waited: terms.waited });
    launching = launch();
    const life = await launching.catch((error: unknown) => {
      deps.enter('failed');
      throw error;
    });
    deps.enter('started', life.pid === undefined ? {} : { pid: life.pid });
    started.resolve();
    let [gone, serves] = [false, false];
    // Only of the start: an abort makes an error with a stack, which fifty that are stopped need not pay for.
    const ended = new AbortController();
    void watch(life, (exit) => {
      gone = true;
      if (serves) lost(life);
      else ended.abort(new StartFailure(failureReason ?? exitedTooEarly(spec, exit, life.pid)));
    });
    void watchChildren(life, () => gone);
    await untilReady(spec, terms, deps, AbortSignal.any([deps.shutdown, ended.signal]));
    await life.trackChildren();
    deps.enter('ready');
    ready.resolve();
    serves = true;
    if (gone) lost(life);
  };

  return {
    spec,
    started: started.promise,
    ready: ready.promise,
    child: () => child,
    wanted: () => wanted,
    requests: () => requests,
    start: async (terms = {}) => {
      wanted = true;
      failureReason = undefined;
      requests += 1;
      const request = requests;
      const turn = await deps.turn(spec);
      try {
        if (requests !== request) throw new StartFailure(stoppedBeforeStart(spec));
        await load(turn.waited === undefined ? terms : { ...terms, waited: turn.waited });
      } finally {
        turn.over();
      }
    },
    stop: async (graceMs) => {
      wanted = false;
      requests += 1;
      // A restart may be about to launch it.
      await launching?.catch(() => {});
      if (child === undefined) return nothing;
      deps.enter('stopping');
      const report = await child.stop(graceMs);
      deps.enter('stopped', report.left.length === 0 ? { exit: await child.exited } : {});
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
