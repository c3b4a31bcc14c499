/** Runs and their processes as a table, and below it why runs failed. `ps --json` prints the same value. */
import type { ChalkInstance } from 'chalk';
import type { Plan } from '../plan/plan.ts';
import type { Failure } from '../supervisor/events.ts';
import type { LoadProgress } from '../supervisor/progress.ts';
import type { RunStatus } from '../supervisor/status.ts';
import { memoryText } from '../base/units.ts';
import { durationText } from '../base/duration.ts';
import type { Figures, ProcessFigures } from '../metrics/figures.ts';
import { tableText, widthOf } from './table.ts';

/**
 * `orphaned`: the supervisor is dead, but processes of it are alive. `record unreadable` and `folder removed`: only ledger
 * and claims can be read. The last two are about runs on clusters.
 */
export interface RunView {
  readonly runId: string;
  readonly name: string;
  readonly profile: string;
  readonly engine: string;
  readonly state:
    | RunStatus['phase']
    | 'orphaned'
    | 'record unreadable'
    | 'folder removed'
    | 'not answering'
    | 'gone';
  /** Absent for a run of this machine. */
  readonly on?: {
    readonly kubernetes: {
      readonly context: string | undefined;
      readonly namespace: string;
      /** Name of the DynamoGraphDeployment. */
      readonly graph: string;
    };
  };
  readonly url: string;
  readonly startedAt: string;
  /** When all of it had ended. */
  readonly endedAt?: string;
  readonly detached: boolean;
  /** Absent on a cluster, as what follows is. */
  readonly supervisorPid: number | undefined;
  /** `silent`: it is alive, but does not answer. `starting`: it does not listen yet. */
  readonly supervisor: 'answering' | 'starting' | 'suspended' | 'silent' | 'dead' | undefined;
  /** Why the run is not supervised, and what to do, as a sentence. */
  readonly trouble?: string;
  readonly logs: string;
  /** For a failed run; has a `diagnosis` where a rule knows the cause. */
  readonly failure?: Failure;
  readonly processes: readonly ProcessView[];
  /** What its processes do, from their metrics; absent where nobody asked them. */
  readonly figures?: Omit<Figures, 'processes'>;
}

export interface ProcessView {
  readonly name: string;
  /** Of a pod, whose name contains it only in part. */
  readonly component?: string;
  readonly state: string;
  readonly pid: number | undefined;
  /** `healthy`, `starting` and how far, `unhealthy: why`, or `-` for a process that is not alive. */
  readonly health: string;
  readonly restarts: number;
  /** While it is not ready: how far its start is. */
  readonly progress?: LoadProgress;
  /** In percent of one core, with child processes, over the life of the process or since the last refresh. */
  readonly cpuPercent: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly gpus: readonly string[];
  /** Of a pod: how many it requests. */
  readonly gpuCount?: number;
  readonly ports: Plan['processes'][number]['ports'];
  readonly since: string;
  /** Absent where nobody asked for them, and for etcd and NATS. */
  readonly figures?: ProcessFigures;
}

interface Column {
  readonly heading: string;
  readonly ofRun: (view: RunView, style: ChalkInstance) => string;
  readonly ofProcess: (view: ProcessView, style: ChalkInstance) => string;
  /** In a narrow terminal columns with a low rank are dropped first; without a rank a column always stays. */
  readonly rank?: number;
  /** The same without --watch: which process matters more than how much it uses. */
  readonly rankAtRest?: number;
  /** The column is left out when this holds for no process. */
  readonly isFor?: (view: ProcessView) => boolean;
}

const nothing = (): string => '';

/** Which, on this machine; how many, on a cluster. */
export function gpusText({ gpus, gpuCount = 0 }: ProcessView): string {
  return gpus.join(',') || (gpuCount > 0 ? `×${gpuCount}` : '-');
}

const columns: readonly Column[] = [
  { heading: 'RUN', ofRun: (view, style) => style.bold(view.name), ofProcess: nothing },
  {
    heading: 'PROCESS',
    ofRun: ({ profile, engine }) => (engine === 'none' ? 'shared by runs' : `${profile} on ${engine}`),
    ofProcess: ({ name }) => name,
  },
  {
    heading: 'STATE',
    ofRun: colouredState,
    ofProcess: ({ state }, style) => coloured(state, style),
  },
  {
    heading: 'HEALTH',
    ofRun: nothing,
    ofProcess: ({ health }, style) => (health.startsWith('unhealthy') ? style.red(health) : health),
    rank: 6,
    rankAtRest: 7,
  },
  {
    heading: 'RESTARTS',
    ofRun: nothing,
    ofProcess: ({ restarts }) => String(restarts),
    rank: 5,
    rankAtRest: 1,
  },
  {
    heading: 'PID',
    ofRun: ({ supervisorPid }) => String(supervisorPid ?? '-'),
    ofProcess: ({ pid }) => String(pid ?? '-'),
    rank: 4,
    rankAtRest: 6,
  },
  {
    heading: 'CPU',
    ofRun: nothing,
    ofProcess: ({ cpuPercent }) => (cpuPercent === undefined ? '-' : `${cpuPercent.toFixed(1)}%`),
    rank: 7,
    rankAtRest: 2,
  },
  {
    heading: 'MEMORY',
    ofRun: nothing,
    ofProcess: ({ memoryBytes }) => (memoryBytes === undefined ? '-' : memoryText(memoryBytes)),
    rank: 10,
    rankAtRest: 3,
  },
  { heading: 'GPUS', ofRun: nothing, ofProcess: gpusText, rank: 3, rankAtRest: 4 },
  liveColumn(
    'GPU MEM',
    11,
    ({ gpuMemoryBytes: bytes }) => bytes && memoryText(bytes),
    ({ gpus }) => gpus.length > 0,
  ),
  liveColumn(
    'KV',
    8,
    (each) => each.kind === 'worker' && each.kvUsage !== undefined && `${shortNumber(100 * each.kvUsage)}%`,
  ),
  liveColumn('REQS', 9, ({ requests }) => requests !== undefined && String(requests)),
  liveColumn(
    'TOK/S',
    12,
    (each) =>
      each.kind === 'frontend' &&
      each.outputTokensPerSecond !== undefined &&
      shortNumber(each.outputTokensPerSecond),
  ),
  {
    heading: 'PORTS',
    ofRun: ({ url }) => url,
    ofProcess: ({ ports }) =>
      Object.entries(ports)
        .map(([name, port]) => `${name}:${port}`)
        .join(' '),
    rank: 1,
    rankAtRest: 8,
  },
  {
    heading: 'SINCE',
    ofRun: ({ startedAt }) => age(startedAt),
    ofProcess: ({ since }) => age(since),
    rank: 2,
    rankAtRest: 5,
  },
];

function liveColumn(
  heading: string,
  rank: number,
  text: (figures: ProcessFigures) => string | number | false | undefined,
  isFor: Column['isFor'] = () => true,
): Column {
  return {
    heading,
    rank,
    ofRun: nothing,
    ofProcess: ({ figures }) => String((figures && text(figures)) || '-'),
    isFor: (view) => view.figures !== undefined && isFor(view),
  };
}

/** One row per run, then one for each of its processes. `width` in columns. Ends without a newline. */
export function runTable(views: readonly RunView[], style: ChalkInstance, width = Infinity): string {
  const processes = views.flatMap((view) => view.processes);
  const fitting = columns.filter(({ isFor }) => isFor === undefined || processes.some(isFor));
  const watched = processes.some(({ figures }) => figures !== undefined);
  const rankOf = (column: Column): number | undefined => (watched ? column.rank : column.rankAtRest);
  const byRank = fitting.flatMap((column) => rankOf(column) ?? []).toSorted((a, b) => a - b);
  const narrower = [0, ...byRank].map((last) =>
    tableOf(
      fitting.filter((column) => (rankOf(column) ?? Infinity) > last),
      views,
      style,
    ),
  );
  return narrower.find((table) => widthOf(table) <= width) ?? narrower.at(-1) ?? '';
}

function tableOf(chosen: readonly Column[], views: readonly RunView[], style: ChalkInstance): string {
  const rows = views.flatMap((view) => [
    chosen.map(({ ofRun }) => ofRun(view, style)),
    ...view.processes.map((each) => chosen.map(({ ofProcess }) => ofProcess(each, style))),
  ]);
  return tableText([chosen.map(({ heading }) => style.dim(heading)), ...rows]);
}

function shortNumber(value: number): string {
  return value.toFixed(value < 9.95 ? 1 : 0);
}

/** The last state that its supervisor reported may be outdated. */
function stateOf({ state, supervisor }: RunView): string {
  if (supervisor === 'suspended') return 'suspended';
  return supervisor === 'silent' ? 'not answering' : state;
}

const badStates: ReadonlySet<string> = new Set([
  'failed',
  'orphaned',
  'record unreadable',
  'folder removed',
  'suspended',
  'not answering',
  'gone',
  'failing',
]);

export function colouredState(view: RunView, style: ChalkInstance): string {
  return coloured(stateOf(view), style);
}

export function coloured(state: string, style: ChalkInstance): string {
  if (state === 'ready') return style.green(state);
  if (badStates.has(state)) return style.red(state);
  return style.yellow(state);
}

/** `45s`, `12m`, `3h`, `2d`: for narrow columns. */
export function ageText(since: string, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(since)) / 1000));
  if (seconds < 100) return `${seconds}s`;
  if (seconds < 6_000) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

function age(since: string): string {
  return durationText(Date.now() - Date.parse(since));
}

/** Two lines per failed run, the cause and the fix; ends with a newline unless it is empty. */
export function runFailures(views: readonly RunView[], style: ChalkInstance): string {
  return views
    .flatMap(({ name, failure }) => {
      if (failure === undefined) return [];
      const { diagnosis, message, hint } = failure;
      const fix = diagnosis?.fix ?? hint;
      return [
        `${style.bold(name)} ${style.red('failed:')} ${diagnosis?.cause ?? message}\n`,
        ...(fix === undefined ? [] : [`  ${style.cyan('fix:')} ${fix}\n`]),
      ];
    })
    .join('');
}

/** One line per run that is not supervised; ends with a newline unless it is empty. */
export function runTroubles(views: readonly RunView[], style: ChalkInstance): string {
  return views
    .map(({ name, trouble }) => (trouble === undefined ? '' : `${style.bold(name)} ${style.red(trouble)}\n`))
    .join('');
}
