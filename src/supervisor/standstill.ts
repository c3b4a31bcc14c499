/**
 * Finds workers that stand still: they have requests and answer health checks, but do nothing. SGLang's main process goes on
 * answering when its scheduler is stopped or hangs. Source: docs/upstream/processes.md#who-dies-with-whom.
 */
import type { Standstill } from '../base/error.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import type { Actor, Actors } from './actor.ts';
import type { Child, VitalChild, WorkProber, WorkSigns } from './contracts.ts';
import type { Trouble } from './failure.ts';
import { askWithinMs, boundMs, isSuspect, longestBoundMs, look, type Quiet } from './quiet.ts';
import type { RunContext } from './run-context.ts';

/** As the health checks; more often if `standstillSeconds` is short. */
const periodMs = 5_000;
/** Without requests half as often: every look makes upstream's frontend write a page of 120 kB and a line of log. */
const idleFactor = 2;

/** One life of a worker. */
interface Watched {
  readonly spec: ProcessSpec;
  readonly child: Child;
  quiet: Quiet;
  signs: WorkSigns;
  /** Time on a processor of its vital children when it last showed work, and whether they had used some by then. */
  cpu: { readonly ms: number; readonly used: boolean };
  asking: boolean;
  reported: boolean;
}

interface Watch {
  readonly run: RunContext;
  readonly actors: Actors;
  readonly prober: WorkProber;
  readonly giveUp: (actor: Actor, trouble: Trouble) => void;
  readonly workers: Map<string, Watched>;
}

/** Settles when the run shuts down; never rejects. `giveUp`: stops a worker, with the reason. */
export async function watchStandstill(
  run: RunContext,
  actors: Actors,
  prober: WorkProber,
  giveUp: Watch['giveUp'],
): Promise<void> {
  const { deps, shutdown } = run;
  const watch: Watch = { run, actors, prober, giveUp, workers: new Map() };
  let isIdle = false;
  while (!shutdown.signal.aborted) {
    await deps.clock.sleep(pauseMs(run) * (isIdle ? idleFactor : 1), shutdown.signal).catch(() => {});
    if (!shutdown.signal.aborted) isIdle = await lookOnce(watch);
  }
}

function pauseMs({ plan }: RunContext): number {
  return Math.min(periodMs, ...plan.processes.map(({ standstillMs = Infinity }) => standstillMs / 2));
}

/** Returns whether nobody waits for anything. */
async function lookOnce(watch: Watch): Promise<boolean> {
  const { run, actors, prober, workers } = watch;
  const watched = run.plan.processes.filter(
    ({ name, standstillMs }) => standstillMs !== undefined && isHealthy(run, name),
  );
  for (const name of workers.keys()) if (!isHealthy(run, name)) workers.delete(name);
  const all = watched.length === 0 ? undefined : await prober.signs(watched);
  if (all === undefined) {
    for (const worker of workers.values()) worker.quiet = { ...worker.quiet, hasRequests: false };
    return true;
  }
  for (const spec of watched) {
    const [signs, child] = [all.get(spec.name), actors.get(spec.name)?.child()];
    if (signs !== undefined && child !== undefined && isHealthy(run, spec.name)) {
      const worker = noted(watch, spec, child, signs);
      if (!worker.asking && mayStandStill(watch, worker)) void ask(watch, worker);
    }
  }
  return false;
}

function isHealthy({ journal }: RunContext, name: string): boolean {
  const status = journal.status().processes[name];
  return status?.state === 'ready' && status.unhealthy === undefined;
}

function noted({ run, workers }: Watch, spec: ProcessSpec, child: Child, signs: WorkSigns): Watched {
  const known = workers.get(spec.name);
  const before = known?.child === child ? known : undefined;
  const quiet = look(before?.quiet, signs, { now: run.deps.clock.now(), periodMs: pauseMs(run) });
  const ms = cpuOf(child);
  const worked = before === undefined || quiet.since !== before.quiet.since;
  const used = before !== undefined && (before.cpu.used || ms - before.cpu.ms > idleCpuMs);
  const cpu = worked ? { ms, used } : before.cpu;
  const worker = before ?? { spec, child, quiet, signs, cpu, asking: false, reported: false };
  Object.assign(worker, { quiet, signs, cpu });
  workers.set(spec.name, worker);
  return worker;
}

function mayStandStill(watch: Watch, worker: Watched): boolean {
  const { run, prober } = watch;
  const { spec, quiet } = worker;
  const now = run.deps.clock.now();
  if (!isSuspect(quiet, now, limitOf(worker))) return false;
  const stopped = stoppedPart(worker);
  if (stopped?.how === 'suspended') return true;
  if (stopped === undefined && waitsForOthers(watch, worker, now)) return false;
  return now - quiet.since >= longestBoundMs || !prober.compiles(spec);
}

/** A suspended process does nothing, however long its requests may take: a first answer that compiled would raise the bound to minutes. */
function limitOf(worker: Watched): number {
  const { quiet, signs, spec } = worker;
  const shortest = spec.standstillMs ?? Infinity;
  return stoppedPart(worker)?.how === 'suspended' ? shortest : boundMs(quiet, signs, shortest);
}

/** A worker that says that it waits may have said so just before it stopped: it is believed this much longer. */
const beliefs = 3;

/** All of its requests wait for a worker of the other role, which has requests: it works, or is asked first. */
function waitsForOthers(watch: Watch, worker: Watched, now: number): boolean {
  const { inFlight, waiting } = worker.signs;
  if (waiting < inFlight) return false;
  const others = partnersOf(watch, worker);
  const busy = others.filter(({ quiet }) => quiet.hasRequests);
  if (busy.some((other) => now - other.quiet.since < limitOf(other))) return true;
  // Those on other hosts cannot be seen.
  return (busy.length > 0 || others.length === 0) && now - worker.quiet.since < beliefs * limitOf(worker);
}

const pair: readonly (string | undefined)[] = ['prefill', 'decode'];

/** Prefill workers of a decode worker, and the other way round. */
function partnersOf({ workers }: Watch, { spec }: Watched): readonly Watched[] {
  if (!pair.includes(spec.mode)) return [];
  return [...workers.values()].filter(({ spec: { mode } }) => mode !== spec.mode && pair.includes(mode));
}

async function ask(watch: Watch, worker: Watched): Promise<void> {
  const { run, prober, workers, actors, giveUp } = watch;
  const { clock } = run.deps;
  const { spec, signs } = worker;
  worker.asking = true;
  const asked = await prober.ask(spec, askWithinMs(limitOf(worker)), run.shutdown.signal);
  worker.asking = false;
  worker.quiet = { ...worker.quiet, askedAt: clock.now() };
  const isCurrent = workers.get(spec.name) === worker && isHealthy(run, spec.name);
  if (run.shutdown.signal.aborted || !isCurrent || asked.found === 'works') return;
  if (asked.found === 'not-reached') {
    report(watch, worker, asked.seen);
    return;
  }
  for (const culprit of culprits(watch, worker)) {
    const actor = actors.get(culprit.spec.name);
    // Without the request of ours.
    const seen = { inFlight: signs.inFlight, quietMs: clock.now() - worker.quiet.since, askedMs: asked.ms };
    if (actor !== undefined) giveUp(actor, troubleOf(worker, culprit, seen));
  }
}

/** Once in its life: it may work, and nothing proves that it does not. */
function report({ run }: Watch, worker: Watched, seen: string): void {
  const { spec, quiet, signs } = worker;
  if (worker.reported) return;
  worker.reported = true;
  const text = `${spec.name} ${quietText(signs.inFlight, run.deps.clock.now() - quiet.since)}; no request could be sent to it to find out why: ${seen}`;
  run.journal.record({ type: 'note', text });
}

/** Prefill and decode wait for each other: the one that is stopped is to blame, not the one that waits for it. */
function culprits(watch: Watch, worker: Watched): readonly Watched[] {
  if (stoppedPart(worker) !== undefined) return [worker];
  const stopped = partnersOf(watch, worker).filter((other) => stoppedPart(other)?.how === 'suspended');
  return stopped.length > 0 ? stopped : [worker];
}

/** Schedulers of SGLang are never idle: they look for requests without a pause. */
const idleCpuMs = 50;

function cpuOf(child: Child): number {
  return child.vitalChildren().reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}

interface StoppedPart extends Pick<VitalChild, 'name' | 'pid'> {
  readonly how: 'suspended' | 'without processor time';
}

/** A child process that does not run, as the kernel says. */
function stoppedPart({ child, cpu }: Watched): StoppedPart | undefined {
  const parts = child.vitalChildren();
  const suspended = parts.find((part) => part.suspended);
  if (suspended !== undefined) return { name: suspended.name, pid: suspended.pid, how: 'suspended' };
  const [first] = parts;
  const rests = first !== undefined && cpu.used && cpuOf(child) - cpu.ms <= idleCpuMs;
  return rests ? { name: first.name, pid: first.pid, how: 'without processor time' } : undefined;
}

/** `worker` was asked; `culprit` may be what it waits for. */
function troubleOf(
  worker: Watched,
  culprit: Watched,
  { inFlight, quietMs, askedMs }: Omit<Standstill, 'part'>,
): Trouble {
  const part = stoppedPart(culprit);
  const why =
    part === undefined
      ? ''
      : `; its ${part.name} (pid ${part.pid}) ${part.how === 'suspended' ? 'is suspended' : 'has used no processor time'}`;
  const who = culprit === worker ? '' : `${worker.spec.name} waits for it and `;
  const asked = `did not answer a request of ours within ${seconds(askedMs)} s`;
  const standstill: Standstill = {
    inFlight,
    quietMs: Math.round(quietMs),
    askedMs: Math.round(askedMs),
    ...(part === undefined ? {} : { part }),
  };
  return { seen: `${who}${quietText(inFlight, quietMs)}, and ${asked}${why}`, standstill };
}

function quietText(inFlight: number, ms: number): string {
  return `has ${inFlight} request${inFlight === 1 ? '' : 's'} in flight, but has shown no token and no other sign of work for ${seconds(ms)} s`;
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
