/** How the processes of a run are wired, as columns from the client to the last worker; and what their states mean. Pure. */
import type { ProcessState } from '../supervisor/events.ts';
import type { ProcessStatus } from '../supervisor/status.ts';
import type { ProcessDetail, RunDetail, RunState } from './messages.ts';

/** What a state means to whoever looks: its colour, and never the colour alone. */
export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'idle';

export interface Condition {
  readonly tone: Tone;
  readonly word: string;
}

const processWords: Readonly<Record<ProcessState, Condition>> = {
  pending: { tone: 'idle', word: 'waiting' },
  starting: { tone: 'busy', word: 'starting' },
  started: { tone: 'busy', word: 'loading' },
  ready: { tone: 'good', word: 'ready' },
  failed: { tone: 'bad', word: 'failed' },
  backoff: { tone: 'warn', word: 'restarts soon' },
  stopping: { tone: 'warn', word: 'stopping' },
  stopped: { tone: 'idle', word: 'stopped' },
};

/** `runIsUp`: whether its supervisor is running; without one, nothing is ready. */
export function conditionOf(status: ProcessStatus | undefined, runIsUp: boolean): Condition {
  if (status === undefined) return processWords.pending;
  if (!runIsUp && status.state !== 'failed') return processWords.stopped;
  if (status.unhealthy !== undefined) return { tone: 'bad', word: 'unhealthy' };
  return processWords[status.state];
}

const runWords: Readonly<Record<RunState, Condition>> = {
  starting: { tone: 'busy', word: 'starting' },
  proving: { tone: 'busy', word: 'proving' },
  ready: { tone: 'good', word: 'ready' },
  stopping: { tone: 'warn', word: 'stopping' },
  stopped: { tone: 'idle', word: 'stopped' },
  failed: { tone: 'bad', word: 'failed' },
  orphaned: { tone: 'bad', word: 'orphaned' },
  unreadable: { tone: 'bad', word: 'unreadable' },
};

/** A run that serves with a process less is degraded, and says so. */
export function runCondition(state: RunState, processes: readonly Condition[]): Condition {
  const broken = processes.filter(({ tone }) => tone !== 'good').length;
  if (state !== 'ready' || broken === 0) return runWords[state];
  return { tone: 'warn', word: `ready, ${broken} of ${processes.length} not` };
}

export type Role =
  | 'frontend'
  | 'prefill'
  | 'decode'
  | 'aggregated'
  | 'encode'
  | 'image'
  | 'video'
  | 'embedding'
  | 'infra';

export function roleOf({ kind, mode }: Pick<ProcessDetail, 'kind' | 'mode'>): Role {
  if (kind !== 'worker') return kind === 'frontend' ? 'frontend' : 'infra';
  return (roles.find((each) => each === mode) ?? 'aggregated') as Role;
}

const roles: readonly string[] = ['encode', 'prefill', 'decode', 'aggregated', 'image', 'video', 'embedding'];

/** In the words of upstream; the aggregated worker does both. */
export const roleWords: Readonly<Record<Role, string>> = {
  frontend: 'frontend',
  prefill: 'prefill',
  decode: 'decode',
  aggregated: 'worker',
  encode: 'encode',
  image: 'image',
  video: 'video',
  embedding: 'embedding',
  infra: 'infrastructure',
};

export interface Column {
  readonly role: Role;
  readonly processes: readonly ProcessDetail[];
}

export interface Wiring {
  /** From left to right, as a request goes. */
  readonly columns: readonly Column[];
  /** etcd and NATS: no request goes through them. */
  readonly infra: readonly ProcessDetail[];
  /** Between which columns the KV cache or images go. */
  readonly transfers: readonly { readonly from: Role; readonly to: Role; readonly what: string }[];
}

/** In the order in which a request meets them. */
const order: readonly Role[] = [
  'frontend',
  'encode',
  'prefill',
  'aggregated',
  'embedding',
  'image',
  'video',
  'decode',
];

export function wiringOf({ processes }: Pick<RunDetail, 'processes'>): Wiring {
  const columns = order.flatMap((role): Column[] => {
    const members = processes.filter((each) => roleOf(each) === role);
    return members.length === 0 ? [] : [{ role, processes: members }];
  });
  const has = (role: Role): boolean => columns.some((column) => column.role === role);
  const first = has('prefill') ? 'prefill' : 'aggregated';
  return {
    columns,
    infra: processes.filter(({ kind }) => kind === 'infra'),
    transfers: [
      ...(has('encode') && has(first) ? [{ from: 'encode', to: first, what: 'images' } as const] : []),
      ...(has('prefill') && has('decode')
        ? [{ from: 'prefill', to: 'decode', what: 'KV cache' } as const]
        : []),
    ],
  };
}
