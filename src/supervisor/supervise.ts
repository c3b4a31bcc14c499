/** Runs a plan: starts processes in graph order, proves that they serve, watches them, and takes all down in order. */
import type { Clock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { DynamoError } from '../base/error.ts';
import { isServing, type Plan } from '../plan/plan.ts';
import { type TimeLimit, timeLimit } from '../base/time-limit.ts';
import { type Actor, createActor } from './actor.ts';
import type { Child, Exit, Launcher, Prober, Proof, StopReport } from './child.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { Failure, RunEvent } from './event.ts';
import { failureOf, notReadyInTime, StartFailure, unhealthy, whileLost } from './failure.ts';
import { watchHealth } from './health.ts';
import type { LoadProgress, LoadWatcher } from './load.ts';
import { loadTally } from './load-tally.ts';
import { recovery } from './recovery.ts';
import { mayFollow, type ProcessState } from './state.ts';
import { stopInWaves } from './stop-in-waves.ts';

export interface Outcome extends StopReport {
  readonly failure?: Failure;
}

export type ProcessAction = 'start' | 'stop' | 'restart';

export interface Supervision {
  /** Settles when the deployment has proved that it serves, or `undefined` when it ends before. Never rejects. */
  readonly ready: Promise<Proof | undefined>;
  /** Settles when everything is gone. Never rejects. */
  readonly done: Promise<Outcome>;
  /** Takes everything down in order. Calling it again changes nothing. */
  stop(): void;
  /** Takes everything down at once, still verified. */
  kill(): void;
  /** One process of a live run; settles when it is ready or gone. Rejects with DynamoError. */
  act(action: ProcessAction, process: string): Promise<void>;
}

/** Time for one that can serve no more to leave discovery, which real workers do first on SIGTERM, in milliseconds. */
const crippledGraceMs = 2_000;

export interface World {
  readonly launcher: Launcher;
  readonly prober: Prober;
  readonly clock: Clock;
  /** From [0, 1), for jitter. */
  readonly random: () => number;
  readonly onEvent: (event: RunEvent) => void;
  readonly loads: LoadWatcher;
  /** The cause of a failure, where logs and host say it. Asked once, at the failure; never rejects. */
  readonly diagnose: (failure: Failure) => Promise<Diagnosis | undefined>;
}

export function supervise(plan: Plan, world: World): Supervision {
  const { launcher, prober, clock } = world;
  const startedAt = clock.now();
  const states = new Map<string, ProcessState>(plan.processes.map(({ name }) => [name, 'pending']));
  const leaving = new AbortController();
  const left = aborted(leaving.signal);
  const ready = deferred<Proof | undefined>();
  const underWay = new Set<Promise<unknown>>();
  let proving = false;
  let proved = false;
  let failure: Failure | undefined;
  let explained: Promise<void> = Promise.resolve();
  let killed = false;
  /** Alive, but given up. */
  const ailing = new Set<string>();
  let upLimit: TimeLimit | undefined;
  const loading = loadTally(clock);

  const emit = (event: EventWithoutTime): void => world.onEvent({ at: clock.now(), ...event });

  const enter = (process: string, state: ProcessState, about: { pid?: number; exit?: Exit } = {}): void => {
    const from = states.get(process) ?? 'pending';
    if (from === state || !mayFollow(from, state)) return;
    states.set(process, state);
    if (state === 'ready') ailing.delete(process);
    emit({ type: 'process', process, state, ...about });
  };

  const fail = (reason: Failure): void => {
    if (failure !== undefined || leaving.signal.aborted) return;
    failure = reason;
    emit({ type: 'failed', reason });
    explained = explain(reason);
    leaving.abort(new StartFailure(reason));
  };

  /** While the rest is being stopped. */
  const explain = async (reason: Failure): Promise<void> => {
    const diagnosis = await world.diagnose(reason);
    if (diagnosis === undefined) return;
    failure = { ...reason, diagnosis };
    emit({ type: 'diagnosed', diagnosis });
  };

  const onProgress = (process: string, progress: LoadProgress): void => {
    upLimit?.renew();
    if (loading.note(process, progress)) emit({ type: 'progress', process, progress });
  };

  /** Remembers what is under way, so that taking down waits for it: a launch must be known before it can be ended. */
  const track = <T>(work: Promise<T>): Promise<T> => {
    underWay.add(work);
    const forget = (): void => void underWay.delete(work);
    work.then(forget, forget);
    return work;
  };

  const lostInfra = (): string[] =>
    plan.processes
      .filter(({ kind, name }) => kind === 'infra' && (states.get(name) !== 'ready' || ailing.has(name)))
      .map(({ name }) => name);

  const actors = new Map(
    plan.processes.map((spec): [string, Actor] => [
      spec.name,
      createActor(spec, {
        launcher,
        prober,
        clock,
        leaving: leaving.signal,
        loads: world.loads,
        startupCapMs: plan.startupCapMs,
        enter: (state, about) => enter(spec.name, state, about),
        onProgress: (progress) => onProgress(spec.name, progress),
        onLost: (lost) => {
          const actor = actors.get(spec.name);
          const reason = spec.kind === 'infra' ? lost : whileLost(lost, lostInfra());
          if (proved && actor !== undefined) void track(recover(actor, reason));
          else fail({ ...reason, ...(proving ? { duringProof: true } : {}) });
        },
        onCrippled: (seen) => {
          emit({ type: 'unhealthy', process: spec.name, seen });
          const grace = Math.min(spec.stopGraceMs, crippledGraceMs);
          void track(actors.get(spec.name)?.discard(unhealthy(spec, seen), grace) ?? Promise.resolve());
        },
      }),
    ]),
  );

  const recover = recovery({
    clock,
    random: world.random,
    leaving: leaving.signal,
    enter,
    fail,
    note: (text) => emit({ type: 'note', text }),
  });

  const start = async (actor: Actor): Promise<void> => {
    const conditions = actor.spec.dependsOn.map(({ process, condition }) => actors.get(process)?.[condition]);
    await Promise.race([left, Promise.all(conditions.map(async (reached) => await reached))]);
    leaving.signal.throwIfAborted();
    await actor.start();
  };

  const prove = async (): Promise<Proof> => {
    proving = true;
    emit({ type: 'run', phase: 'proving' });
    await prober.listenersAreOurs(plan, (process) => actors.get(process)?.child()?.pid);
    if (!isServing(plan)) return await prober.serves(plan, leaving.signal);
    emit({ type: 'waiting', for: 'every worker to be known to the frontend' });
    await prober.instances(plan, plan.expected, leaving.signal);
    emit({ type: 'waiting', for: `the model ${plan.model.servedName} to be listed` });
    await prober.modelListed(plan, leaving.signal);
    emit({ type: 'waiting', for: `an answer to a ${plan.proof.request} request` });
    return await prober.serves(plan, leaving.signal);
  };

  /** Names the process that is late, where one is. */
  const tooLate = (): Failure => {
    const late = plan.processes.find(({ name }) => states.get(name) === 'started');
    const renewed = loading.any() && plan.startupCapMs > plan.readyTimeoutMs;
    const waitedMs = renewed ? clock.now() - startedAt : plan.readyTimeoutMs;
    return notReadyInTime(late, waitedMs, prober.lastSeen(late?.probe), loading.last(late?.name));
  };

  const bringUp = async (): Promise<void> => {
    const limit = timeLimit(plan.readyTimeoutMs, clock, leaving.signal, plan.startupCapMs);
    upLimit = limit;
    limit.signal.addEventListener('abort', () => {
      if (limit.isOver()) fail(tooLate());
    });
    try {
      await Promise.all([...actors.values()].map((actor) => track(start(actor))));
      const proof = await prove();
      leaving.signal.throwIfAborted();
      proved = true;
      emit({ type: 'ready', proof, tookMs: clock.now() - startedAt });
      ready.resolve(proof);
      void track(lookAfter());
    } catch (error) {
      fail(failureOf(error));
    } finally {
      limit.clear();
    }
  };

  const lookAfter = (): Promise<void> =>
    watchHealth(plan, {
      prober,
      clock,
      leaving: leaving.signal,
      isReady: (process) => states.get(process) === 'ready',
      onUnhealthy: (spec, seen) => {
        const reason = unhealthy(spec, seen);
        emit({ type: 'unhealthy', process: spec.name, seen });
        ailing.add(spec.name);
        const grace = Math.min(spec.stopGraceMs, spec.liveness?.stopGraceMs ?? Infinity);
        void track(actors.get(spec.name)?.discard(reason, grace) ?? Promise.resolve());
      },
    });

  const run = async (): Promise<Outcome> => {
    emit({ type: 'run', phase: 'starting' });
    await Promise.race([bringUp(), left]);
    await left;
    ready.resolve(undefined);
    emit({ type: 'run', phase: 'stopping' });
    await Promise.allSettled(underWay);
    const living = [...actors].flatMap(([name, actor]): [string, Child][] => {
      const child = actor.child();
      return child === undefined ? [] : [[name, child]];
    });
    const report = await stopInWaves(plan, {
      children: new Map(living),
      clock,
      enter,
      isLoading: (process) => states.get(process) === 'starting' || states.get(process) === 'started',
      graceless: () => killed,
    });
    await explained;
    emit({ type: 'stopped', ...report });
    return { ...report, ...(failure === undefined ? {} : { failure }) };
  };

  const act = async (action: ProcessAction, process: string): Promise<void> => {
    const actor = actors.get(process);
    if (actor === undefined) throw new DynamoError('usage', `Run ${plan.runId} has no process ${process}.`);
    if (!proved || leaving.signal.aborted) {
      throw new DynamoError(
        'busy',
        `Run ${plan.runId} is not ready: its processes are left alone until it is.`,
      );
    }
    if (action !== 'start') await actor.stop(actor.spec.stopGraceMs);
    if (action === 'stop' || leaving.signal.aborted) return;
    if (states.get(process) !== 'stopped') throw new DynamoError('busy', `${process} is not stopped.`);
    await actor.start();
  };

  return {
    ready: ready.promise,
    done: run(),
    stop: () => leaving.abort(new Error('stop was asked for')),
    kill: () => {
      killed = true;
      leaving.abort(new Error('kill was asked for'));
      for (const actor of actors.values()) actor.child()?.kill();
    },
    act: (action, process) => track(act(action, process)),
  };
}

type EventWithoutTime = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, 'at'> : never) : never;

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
