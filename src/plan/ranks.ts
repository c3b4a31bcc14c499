/** One worker on several hosts: which part of it this host runs, and what is refused. */
import { DynamoError } from '../base/error.ts';
import { quote } from '../base/terminal-text.ts';
import type { EngineKind, Rank } from '../engine/engine.ts';
import { meetingPoint } from '../engine/targets.ts';
import type { Profile, WorkerSpec } from '../profile/profile.ts';
import type { Choice } from './plan.ts';
import type { Replica, WorkerEntry } from './replicas.ts';
import type { HostFacts } from './request.ts';

/**
 * The same replicas; the worker among them becomes the part of it that `rank` names. Throws `usage` when it cannot be
 * spread like that.
 */
export function withRank(
  replicas: readonly Replica[],
  rank: Rank,
  kind: EngineKind,
  profile: Profile,
): readonly Replica[] {
  const worker = onlyWorker(replicas, rank);
  requireRanks(worker.spec, kind, rank);
  requireSpread(worker.component, worker.spec, profile, rank.of);
  return replicas.map((replica) => (replica === worker ? { ...worker, rank } : replica));
}

/** The ranks of a worker meet at one address, so that each worker needs one of its own. */
function onlyWorker(replicas: readonly Replica[], { of }: Rank): WorkerEntry {
  const workers = replicas.filter((replica) => replica.kind === 'worker');
  const [worker, second] = workers;
  if (worker !== undefined && second === undefined) return worker;
  const names = workers.map(({ name }) => name);
  const components = [...new Set(workers.map(({ component }) => component))];
  throw new DynamoError(
    'usage',
    worker === undefined
      ? `--nnodes ${of}: none of the components of this host is a worker.`
      : `--nnodes ${of} is for one worker, and this host would run ${names.join(' and ')}.`,
    {
      hint:
        worker === undefined
          ? 'add a worker to --only'
          : components.length > 1
            ? `--only ${components[0]}   # and another address for each of the others`
            : `--replicas ${worker.component}=1   # and another address for each of the others`,
      fields: { option: '--nnodes', asked: String(of), choices: names },
    },
  );
}

function requireRanks(spec: WorkerSpec, { name, ranks }: EngineKind, { of }: Rank): void {
  const modes = ranks?.modes ?? [];
  if (modes.includes(spec.mode)) return;
  const none = ranks === undefined;
  throw new DynamoError(
    'usage',
    none
      ? `--nnodes ${of}: a worker of the engine ${name} runs on one host.`
      : `--nnodes ${of}: a worker of mode ${spec.mode} runs on one host.`,
    {
      hint: none ? '--engine sglang' : `modes on several hosts: ${modes.join(', ')}`,
      impossible: true,
      fields: { option: '--nnodes', asked: String(of), choices: modes },
    },
  );
}

/** Throws `usage` unless the GPUs of the worker can be spread evenly over so many hosts. */
export function requireSpread(
  component: string,
  spec: WorkerSpec,
  { device }: Pick<Profile, 'device'>,
  hosts: number,
): void {
  if (spec.nodes !== 1 && spec.nodes !== hosts) {
    throw new DynamoError('usage', `--nnodes ${hosts}: the profile says nodes: ${spec.nodes}.`, {
      hint: `--nnodes ${spec.nodes}`,
      fields: { option: '--nnodes', asked: String(hosts), choices: [String(spec.nodes)] },
    });
  }
  const key = device === 'gpu' ? 'gpus' : 'tensorParallel';
  const [count, noun] =
    device === 'gpu' ? [spec.gpus, 'GPU'] : [spec.tensorParallel ?? 1, 'tensor parallel process'];
  if (count % hosts === 0 && (spec.tensorParallel ?? hosts) % hosts === 0) return;
  const uneven =
    count % hosts === 0
      ? `tensorParallel ${spec.tensorParallel}`
      : `${count} ${noun}${count === 1 ? '' : noun === 'GPU' ? 's' : 'es'}`;
  throw new DynamoError(
    'usage',
    `--nnodes ${hosts}: components.${component} has ${uneven}, which ${hosts} hosts cannot share evenly.`,
    {
      details: ['The number is that of all hosts together.'],
      fields: { option: '--nnodes', asked: String(hosts) },
      hint: `--set components.${component}.${count % hosts === 0 ? 'tensorParallel' : key}=${hosts}`,
    },
  );
}

/** Throws `busy` when rank 0 cannot listen where the others expect it. */
export function requireMeetingPort(rank: Rank, { busyPorts }: Pick<HostFacts, 'busyPorts'>): void {
  const holder = rank.rank === 0 ? busyPorts.get(rank.meet.port) : undefined;
  if (holder === undefined) return;
  throw new DynamoError('busy', `--dist-init-addr ${meetingPoint(rank)}: the port is in use by ${holder}.`, {
    hint: 'give another port, the same on every host',
    fields: { port: rank.meet.port, holder },
  });
}

/** The flags that name a rank, for another host. */
export function rankFlags(rank: Rank, index: number): string[] {
  return ['--nnodes', rank.of, '--node-rank', index, '--dist-init-addr', meetingPoint(rank)].map((word) =>
    quote(String(word)),
  );
}

export function rankChoices(replicas: readonly Replica[]): Choice[] {
  return replicas.flatMap((replica): Choice[] =>
    replica.kind !== 'worker' || replica.rank === undefined
      ? []
      : [
          {
            what: 'rank',
            value: `${replica.rank.rank} of ${replica.rank.of}`,
            because:
              replica.rank.rank === 0
                ? `${replica.component} listens at ${meetingPoint(replica.rank)} for its other ranks, and serves for all of them`
                : `${replica.component} joins rank 0 at ${meetingPoint(replica.rank)}, which serves for all of them`,
          },
        ],
  );
}
