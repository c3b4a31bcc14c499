/** A host with only the facts that a test is about. */
import type { Clock } from '../../src/base/clock.ts';
import type { Check, Finding } from '../../src/doctor/check.ts';
import type {
  FileFacts,
  GpuReport,
  HostView,
  HttpCall,
  Output,
  RunFacts,
  Segment,
  StaleThing,
  StateFacts,
  Subject,
} from '../../src/doctor/host-view.ts';
import type { ContainerSurvey } from '../../src/plan/container.ts';
import type { HostRecord } from '../../src/plan/host-record.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { ServingPlan } from '../../src/plan/plan.ts';
import type { PythonEnvironment } from '../../src/plan/request.ts';
import type { Profile } from '../../src/profile/profile.ts';
import { host as planHost, options } from './profile.ts';

/** Sleeping takes no time. */
const instantClock: Clock = { now: () => 0, sleep: async () => {} };

export interface HostFacts {
  readonly clock?: Clock;
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly subject?: Subject;
  /** Text by path; folders exist through their files. `null`: a dangling link. */
  readonly files?: Readonly<Record<string, string | null>>;
  readonly stats?: Readonly<Record<string, Partial<FileFacts>>>;
  readonly readOnly?: readonly string[];
  readonly space?: Readonly<Record<string, { freeBytes: number; totalBytes: number }>>;
  /** Output by `program words`, matched by the longest prefix; an error is thrown. */
  readonly programs?: Readonly<Record<string, Partial<Output> | Error>>;
  readonly replies?: (
    url: string,
    call: HttpCall,
  ) => { status: number; body?: string; headers?: Record<string, string> } | undefined;
  /** Reason by `address:port` of connections that fail. */
  readonly closed?: Readonly<Record<string, string>>;
  readonly lines?: Readonly<Record<string, string>>;
  readonly procTrouble?: { readonly words: string; readonly fix: string };
  readonly unbindable?: Readonly<Record<string, string>>;
  readonly holders?: Readonly<Record<number, string>>;
  readonly gpus?: GpuReport;
  /** Its text; without it, the log is unreadable. */
  readonly kernelLog?: string;
  readonly containers?: ContainerSurvey;
  readonly python?: PythonEnvironment | Error;
  readonly runs?: readonly RunFacts[];
  readonly stale?: readonly StaleThing[];
  readonly segments?: readonly Segment[];
  readonly hostRecords?: readonly HostRecord[];
}

export function doctorHost(facts: HostFacts = {}): HostView {
  const { files = {}, stats = {}, programs = {}, runs = [], stale = [] } = facts;
  const state: StateFacts = {
    runs,
    stale,
    reap: async () => 'stopped: nothing is left',
    dropStale: async () => stale.map(({ kind, file }) => `removed the ${kind} ${file}`),
  };
  return {
    environment: facts.environment ?? {},
    home: '/home/user',
    cwd: facts.cwd ?? '/home/user',
    clock: facts.clock ?? instantClock,
    subject: facts.subject,
    files: {
      read: async (path) => files[path] ?? undefined,
      list: async (path) => namesIn(path, Object.keys(files)),
      stat: async (path) => statOf(path, files, stats),
      isWritable: async (path) => facts.readOnly?.includes(path) !== true,
      space: async (path) => facts.space?.[path],
    },
    network: {
      request: async (url, call = {}) => {
        const reply = facts.replies?.(url, call);
        if (reply === undefined) throw new Error('ECONNREFUSED');
        return { status: reply.status, body: reply.body ?? '', header: (name) => reply.headers?.[name] };
      },
      connect: async (address, port) => facts.closed?.[`${address}:${port}`],
      firstLine: async (address, port) => {
        const line = facts.lines?.[`${address}:${port}`];
        if (line === undefined) throw new Error('ECONNREFUSED');
        return line;
      },
      bind: async (address, port) => facts.unbindable?.[`${address}:${port}`],
    },
    run: async (program, words) => {
      const line = [program, ...words].join(' ');
      const key = Object.keys(programs)
        .filter((beginning) => line.startsWith(beginning))
        .toSorted((a, b) => b.length - a.length)[0];
      const output = key === undefined ? undefined : programs[key];
      if (output instanceof Error) throw output;
      return output && { code: 0, stdout: '', stderr: '', ...output };
    },
    procTrouble: () => facts.procTrouble,
    portHolder: (port) => facts.holders?.[port],
    gpus: async () => facts.gpus ?? { state: 'absent', gpus: [] },
    kernelLog: async () =>
      facts.kernelLog === undefined
        ? { problem: '/dev/kmsg: EPERM' }
        : { lines: facts.kernelLog.split('\n') },
    containers: async () =>
      facts.containers ?? { problem: { words: 'there is no such socket', fix: 'start it' }, containers: [] },
    python: () => {
      if (facts.python instanceof Error) throw facts.python;
      return facts.python;
    },
    state: async () => state,
    hostRecords: async () => facts.hostRecords ?? [],
    lostSegments: () => facts.segments ?? [],
  };
}

function namesIn(folder: string, paths: readonly string[]): string[] {
  const prefix = folder.endsWith('/') ? folder : `${folder}/`;
  const below = paths.filter((path) => path.startsWith(prefix));
  return [...new Set(below.map((path) => path.slice(prefix.length).split('/')[0] ?? ''))];
}

function statOf(
  path: string,
  files: Readonly<Record<string, string | null>>,
  stats: Readonly<Record<string, Partial<FileFacts>>>,
): FileFacts | undefined {
  if (files[path] === null) return undefined;
  const isFolder = namesIn(path, Object.keys(files)).length > 0;
  const text = files[path];
  if (!isFolder && text === undefined && stats[path] === undefined) return undefined;
  const sizeBytes = text?.length ?? 0;
  return { isFolder, sizeBytes, uid: 1000, inode: 1, device: 'fe:00', modifiedMs: 0, ...stats[path] };
}

/** The finding of a check on such a host. */
export async function finding(check: Check, facts: HostFacts = {}): Promise<Finding> {
  return await check.look(doctorHost(facts));
}

/** A profile with its plan on the embedded engine, changed by the test. */
export function subjectOf(
  profile: Profile,
  change: Partial<ServingPlan> = {},
  more: Partial<Subject> = {},
): Subject {
  const plan = makePlan(profile, options({ engine: 'sim' }), planHost());
  return {
    profile,
    plan: { ...plan, ...change },
    preferredHttpPort: 8000,
    insistsOnPort: false,
    infra: 'auto',
    rawArgs: [],
    ...more,
  };
}

/** The same with SGLang: each worker on its own GPU. */
export function onGpus(
  profile: Profile,
  change: Partial<ServingPlan> = {},
  more: Partial<Subject> = {},
): Subject {
  const { plan } = subjectOf(profile);
  let next = 0;
  const processes = plan?.processes.map((spec) =>
    spec.kind === 'worker' ? { ...spec, gpus: [String(next++)] } : spec,
  );
  const gpuUuids = [...Array(next).keys()].map((index) => `GPU-${index}`);
  return subjectOf(profile, { engine: 'sglang', gpuUuids, ...(processes && { processes }), ...change }, more);
}

export function runFacts(more: Partial<RunFacts> = {}): RunFacts {
  return {
    runId: 'agg-abcd',
    name: 'agg',
    startedAt: Date.UTC(2026, 0, 2, 3, 4),
    state: 'ended',
    plan: undefined,
    living: [],
    ...more,
  };
}

/** Packages as folders of an environment at `/venv`. */
export function pythonWith(
  versions: Readonly<Record<string, string>>,
): Pick<HostFacts, 'python' | 'files'> & { files: Record<string, string> } {
  const site = '/venv/lib/python3.12/site-packages';
  const entries = Object.entries(versions).map(([name, version]): [string, string] => [
    `${site}/${name.replaceAll('-', '_')}-${version}.dist-info/METADATA`,
    '',
  ]);
  return {
    files: Object.fromEntries(entries),
    python: {
      folder: '/venv',
      python: '/venv/bin/python3',
      dynamoVersion: versions['ai-dynamo'] ?? '1.4.2',
      backends: { sglang: versions['sglang'] },
      torchVersion: versions['torch'],
      because: 'the active environment, VIRTUAL_ENV',
    },
  };
}

/** One line of /proc/PID/stat. */
export function statLine(pid: number, comm: string, state: string, ppid: number, startTicks = 1): string {
  return `${pid} (${comm}) ${state} ${ppid} ${pid} ${pid} 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 ${startTicks} 0 0`;
}
