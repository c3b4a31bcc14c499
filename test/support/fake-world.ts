/** A launcher and a prober that follow a script in virtual time, and record their calls. */
import { deferred } from '../../src/base/deferred.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { Child, Dependencies, Launcher, Prober, Proving } from '../../src/supervisor/contracts.ts';
import type { Diagnosis, Exit, Proof, RunEvent } from '../../src/supervisor/events.ts';
import { openJournal } from '../../src/supervisor/status.ts';
import type { LoadProgress } from '../../src/supervisor/progress.ts';
import { supervise, type Supervision } from '../../src/supervisor/supervise.ts';
import { type VirtualClock, virtualClock } from './clocks.ts';

/** Times are in milliseconds after the previous step; a step without a time never happens. */
export interface ProcessScript {
  readonly launchMs?: number | undefined;
  readonly launchFails?: boolean | undefined;
  readonly readyMs?: number | undefined;
  /** The script of every life after the first. */
  readonly laterReadyMs?: number | undefined;
  readonly exitMs?: number | undefined;
  /** How many of its lives end so; otherwise all. */
  readonly exits?: number | undefined;
  /** Period of progress, one percent each time, until `progressUntilMs`. */
  readonly progressEveryMs?: number | undefined;
  readonly progressUntilMs?: number | undefined;
  readonly exit?: Exit | undefined;
  /** When it loses a vital child, after its launch. */
  readonly degradedMs?: number | undefined;
  readonly stopMs?: number | undefined;
  /** When it has no requests left, after its stop began. */
  readonly drainedMs?: number | undefined;
  readonly stopFails?: boolean | undefined;
}

export interface WorldScript {
  readonly processes?: Readonly<Record<string, ProcessScript>>;
  readonly instancesMs?: number | undefined;
  readonly servesMs?: number | undefined;
  /** How long a worker takes to leave discovery. */
  readonly leaveMs?: number | undefined;
  /** The error of the proof request. */
  readonly servesWrong?: Error | undefined;
  readonly readyWrong?: Error | undefined;
  readonly foreignListener?: Error | undefined;
  readonly lastSeen?: string;
  readonly diagnosis?: Diagnosis | undefined;
}

export type Note =
  | {
      readonly what: 'launch' | 'launched' | 'exited' | 'stop' | 'stopped' | 'kill';
      readonly process: string;
      /** Of this life; a restarted process has another. */
      readonly pid?: number;
      readonly graceMs?: number;
    }
  | { readonly what: 'event'; readonly event: RunEvent };

export interface FakeWorld extends Dependencies {
  readonly onEvent: (event: RunEvent) => void;
  readonly clock: VirtualClock;
  /** Everything in order. */
  readonly notes: Note[];
  readonly events: RunEvent[];
}

export const proof: Proof = {
  request: 'POST /v1/chat/completions',
  answer: 'Hello.',
  tookMs: 5,
  usedRoles: [],
};
const never = 1e9;

export function fakeWorld(script: WorldScript = {}): FakeWorld {
  const clock = virtualClock(1_000);
  const notes: Note[] = [];
  const events: RunEvent[] = [];
  let pid = 100;
  const lives = new Map<string, number>();
  const launcher: Launcher = {
    launch: async ({ name }) => {
      const one = script.processes?.[name] ?? {};
      notes.push({ what: 'launch', process: name });
      await clock.sleep(one.launchMs ?? 0);
      if (one.launchFails) throw new Error(`${name} cannot be launched`);
      pid += 1;
      notes.push({ what: 'launched', process: name, pid });
      const life = (lives.get(name) ?? 0) + 1;
      lives.set(name, life);
      const own = life > (one.exits ?? Infinity) ? { ...one, exitMs: undefined } : one;
      return fakeChild(name, own, pid, clock, notes);
    },
  };
  const after = async (ms: number | undefined, signal: AbortSignal): Promise<void> => {
    await clock.sleep(ms ?? never, signal);
  };
  const asked = new Set<string>();
  const prober: Prober = {
    ready: async (probe, signal) => {
      const name = nameOf(probe.url);
      const one = script.processes?.[name];
      const first = !asked.has(name);
      asked.add(name);
      const readyMs = first ? one?.readyMs : (one?.laterReadyMs ?? one?.readyMs);
      await after(readyMs ?? (script.processes === undefined ? 0 : never), signal);
      if (script.readyWrong !== undefined) throw script.readyWrong;
    },
    check: async () => undefined,
    missing: async () => [],
    lastSeen: () => (script.lastSeen === undefined ? undefined : { text: script.lastSeen }),
  };
  const proving: Proving = {
    listenersAreOurs: async () => {
      if (script.foreignListener !== undefined) throw script.foreignListener;
    },
    instances: (_plan, _expected, signal) => after(script.instancesMs ?? 0, signal),
    modelListed: (_plan, signal) => after(0, signal),
    serves: async (_plan, signal) => {
      await after(script.servesMs ?? 0, signal);
      if (script.servesWrong !== undefined) throw script.servesWrong;
      return proof;
    },
  };
  return {
    clock,
    notes,
    events,
    launcher,
    prober,
    proving,
    random: () => 0.5,
    loads: { watch: (process, onProgress) => loadOf(process, script, clock, onProgress) },
    leaveDiscovery: async () => {
      if (script.leaveMs !== undefined) await clock.sleep(script.leaveMs);
    },
    diagnose: async () => script.diagnosis,
    onEvent: (event) => {
      events.push(event);
      notes.push({ what: 'event', event });
    },
  };
}

export function supervised(plan: Plan, world: Dependencies & Pick<FakeWorld, 'onEvent'>): Supervision {
  return supervise(plan, world, openJournal(plan, world.clock, world.onEvent));
}

/** In these plans, the host of each probe is the name of its process. */
function nameOf(url: string): string {
  return new URL(url).hostname;
}

function fakeChild(
  name: string,
  script: ProcessScript,
  pid: number,
  clock: VirtualClock,
  notes: Note[],
): Child {
  const exited = deferred<Exit>();
  const force = new AbortController();
  let over = false;
  const exit = (how: Exit): void => {
    if (over) return;
    over = true;
    notes.push({ what: 'exited', process: name, pid });
    exited.resolve(how);
  };
  if (script.exitMs !== undefined) {
    void clock.sleep(script.exitMs).then(() => exit(script.exit ?? { code: 1, signal: undefined }));
  }
  return {
    pid,
    exited: exited.promise,
    degraded: clock.sleep(script.degradedMs ?? never).then(() => ({ name: 'scheduler', pid: 7 })),
    trackChildren: async () => {},
    vitalChildren: () => [],
    drained: async () => await clock.sleep(script.drainedMs ?? never),
    stop: async (graceMs) => {
      notes.push({ what: 'stop', process: name, pid, graceMs });
      if (script.stopFails) throw new Error('not permitted');
      const needsMs = over ? 0 : (script.stopMs ?? 1);
      if (!force.signal.aborted) await clock.sleep(Math.min(needsMs, graceMs), force.signal).catch(() => {});
      const killed = !over && (force.signal.aborted || graceMs < needsMs);
      exit({ code: undefined, signal: killed ? 'SIGKILL' : 'SIGTERM' });
      notes.push({ what: 'stopped', process: name, pid });
      return { killed: killed ? [`${pid} (${name})`] : [], left: [] };
    },
    kill: () => {
      notes.push({ what: 'kill', process: name });
      force.abort();
    },
  };
}

function loadOf(
  name: string,
  script: WorldScript,
  clock: VirtualClock,
  onProgress: (progress: LoadProgress) => void,
): () => void {
  const { progressEveryMs, progressUntilMs = Infinity } = script.processes?.[name] ?? {};
  const ended = new AbortController();
  const getOn = async (everyMs: number): Promise<void> => {
    const begin = clock.now();
    for (let percent = 1; clock.now() + everyMs <= begin + progressUntilMs; percent++) {
      await clock.sleep(everyMs, ended.signal);
      onProgress({ doing: 'downloading', what: 'model.safetensors', percent });
    }
  };
  if (progressEveryMs !== undefined) getOn(progressEveryMs).catch(() => {});
  return () => ended.abort();
}
