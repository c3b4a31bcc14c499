/** How processes find each other: etcd, NATS, namespaces and the discovery location. */
import { roomCommand } from '../../plan/infra-programs.ts';
import {
  type Plan,
  type ProcessSpec,
  runsModel,
  type ServingPlan,
  type WorkersPlan,
} from '../../plan/plan.ts';
import { lineRule } from '../log-lines.ts';
import { valueOf } from '../planned.ts';
import { instancesText } from '../../supervisor/failure.ts';
import type { Rule } from '../rule.ts';

/** The addresses of etcd for processes of the plan; `undefined` if they need none. */
function etcdOf(plan: Plan): readonly string[] | undefined {
  if (!runsModel(plan)) return plan.infra.etcd?.addresses;
  return plan.discovery.backend === 'etcd' ? plan.discovery.endpoints : undefined;
}

/** A second etcd waits forever for the data folder of the first. Source: docs/upstream/discovery.md#etcd. */
export const etcdLocked = lineRule(
  {
    id: 'etcd-locked',
    check: 'D10',
    sees: '`another etcd process is using … and holds the file lock`',
    fixes: 'stop the other etcd, or use another `--data-dir`',
  },
  /holds the file lock/,
  () => ({
    cause: 'another etcd uses the same data folder, and this one waits until it ends',
    fix: 'pgrep -a etcd   # then stop that one, or use another --data-dir for this one',
  }),
);

/**
 * The second pattern is from etcd itself, and from programs that pass its errors on. Source: recordings of Dynamo 1.1.1
 * and 1.6.1 and of etcd 3.4.23; JSON from 3.5 on.
 */
const etcdLost =
  /Unable to create lease|Could not connect to etcd|etcd not reachable yet|etcd startup connection/;
const noSpace = /alarm NOSPACE raised|"alarm":"NOSPACE"|etcdserver: no space|database space exceeded/;

/** etcd answers but accepts no writes: Dynamo logs the same as for an unreachable etcd. */
export const etcdFull = lineRule(
  {
    id: 'etcd-full',
    check: 'D08',
    sees: '`Unable to create lease` while etcd has the alarm NOSPACE; `database space exceeded`, or `alarm NOSPACE raised` in the log of etcd',
    fixes: 'restart the run if it starts its own etcd; else `etcdctl compact`, `defrag` and `alarm disarm`',
  },
  new RegExp(`${etcdLost.source}|${noSpace.source}`),
  ({ line }, { plan, host }) => {
    if (!noSpace.test(line) && host.etcdFull !== true) return undefined;
    const planned = etcdOf(plan);
    const where = planned === undefined ? '' : ` at ${planned.join(', ')}`;
    return { cause: `etcd${where} is full: it answers, but accepts no writes`, fix: roomFix(plan) };
  },
);

/** The run's own data is removed with the run unless it is to be kept. */
function roomFix(plan: Plan): string {
  const { infra, profile } = plan;
  const etcd = infra?.etcd;
  if (etcd?.from === 'shared') return 'dynamo infra down && dynamo infra up';
  if (etcd?.from === 'external' || etcd === undefined) {
    return roomCommand(etcdOf(plan)?.join(',') ?? '$ETCD_ENDPOINTS');
  }
  const kept = infra?.folders.find(({ path, kept: stays }) => stays && path.endsWith('/etcd'));
  const again = `dynamo up ${profile.name}`;
  return kept === undefined
    ? again
    : `rm -r ${kept.path} && ${again}   # contains only registrations, which are created again`;
}

/** 1.1.1 gives up immediately, 1.4 and later after 120 s. Source: docs/upstream/discovery.md#etcd; test/fixtures/logs. */
const noEtcd =
  /Unable to create lease\. Check etcd server status at (\S+?)(?: retry|\s*$)|etcd startup connection timed out|Could not connect to etcd|etcd not reachable yet/;

/** etcd does not answer, in the words of each version. */
export const etcdUnreachable = lineRule(
  {
    id: 'etcd-unreachable',
    check: 'D08',
    sees: '`Unable to create lease. Check etcd server status`, `etcd startup connection timed out`',
    fixes: '`--discovery file`, or start etcd',
  },
  noEtcd,
  ({ groups }, { plan, host }) => {
    const planned = etcdOf(plan)?.join(', ');
    const where = groups[0] || planned;
    return {
      cause: `etcd does not answer${where === undefined ? '' : ` at ${where}`}`,
      fix: '--discovery file   # needs no etcd on a single host; or start etcd there',
      // A full etcd causes the same messages.
      asks: host.etcdFull === undefined ? [{ about: 'etcd-full' }] : undefined,
    };
  },
);

/** 1.1.1 and 1.6.1. Source: docs/upstream/discovery.md#nats; test/fixtures/logs. */
const noNats = /Failed to connect to NATS|NATS startup connection timed out|NATS not reachable yet/;

/** NATS does not answer, in the words of each version. */
export const natsUnreachable = lineRule(
  {
    id: 'nats-unreachable',
    check: 'D11',
    sees: '`Failed to connect to NATS`, `NATS startup connection timed out`',
    fixes: '`--events zmq`, or `nats-server -js`',
  },
  noNats,
  (_, { serving, subject }) => {
    const inherited = serving?.events !== 'nats' && subject?.variables.has('NATS_SERVER') === true;
    return {
      cause: `NATS does not answer${serving?.nats === undefined ? '' : ` at ${serving.nats}`}${inherited ? ', and NATS_SERVER makes this version of Dynamo connect to it' : ''}`,
      fix: inherited
        ? 'unset NATS_SERVER'
        : '--events zmq   # needs no NATS on a single host; or start: nats-server -js',
    };
  },
);

/**
 * Workers registered in a namespace that the frontend does not watch. No log mentions it; only the instances in /health
 * differ from the plan.
 * Source: docs/upstream/discovery.md#mismatches-without-a-message.
 */
export const namespaceMismatch: Rule = {
  id: 'namespace-mismatch',
  check: 'D12',
  kind: 'cause',
  sees: 'nothing in any log; `/health` of the frontend lists the workers under another namespace or component',
  fixes: 'leave `DYN_NAMESPACE`, `--namespace` and `--endpoint` to the launcher',
  find: ({ failure, serving }) => {
    const { missing = [], unexpected = [] } = failure.fields ?? {};
    if (failure.code !== 'not-ready' || unexpected.length === 0 || serving === undefined) return undefined;
    if (!mustBeOurs(serving, unexpected)) return undefined;
    const known = unexpected.join(', ');
    return {
      cause: `workers registered as ${known}, where the frontend of this run does not look for them`,
      evidence: [`frontend /health: ${instancesText(missing)}; it has ${known}`],
      fix: 'unset DYN_NAMESPACE   # and no --namespace or --endpoint in the arguments of a worker',
      fromOutside: true,
    };
  },
};

/** In a shared etcd, workers in other namespaces may belong to others, unless a process of this run was sent there. */
function mustBeOurs(plan: ServingPlan | WorkersPlan, known: readonly string[]): boolean {
  const { discovery, runFolder, processes } = plan;
  if (discovery.backend === 'file' && discovery.folder.startsWith(runFolder)) return true;
  const namespaces = known.map((place) => place.split('.')[0]);
  const sent = processes.flatMap(({ argv, env }) => [
    env.DYN_NAMESPACE,
    valueOf(argv, '--namespace'),
    valueOf(argv, '--endpoint')?.replace('dyn://', '').split('.')[0],
  ]);
  return sent.some((namespace) => namespace !== plan.namespace && namespaces.includes(namespace));
}

/**
 * Frontend and workers use different discovery locations (different `DYN_FILE_KV`, or `mem` for separate processes). No
 * log mentions it.
 * Source: docs/upstream/discovery.md#mismatches-without-a-message.
 */
export const discoveryMismatch: Rule = {
  id: 'discovery-mismatch',
  check: 'D12',
  kind: 'cause',
  sees: 'nothing in any log; the frontend knows no worker, and the plan sets different discovery locations for them',
  fixes: 'leave `DYN_DISCOVERY_BACKEND`, `DYN_FILE_KV` and `ETCD_ENDPOINTS` to the launcher',
  find: ({ failure, plan }) => {
    const knowsNone = failure.fields?.missing?.some(({ known }) => known === 0) === true;
    if (failure.code !== 'not-ready' || !knowsNone) return undefined;
    const places = plan.processes
      .filter(({ kind }) => kind !== 'infra')
      .map((spec) => ({ name: spec.name, place: placeOf(spec) }));
    const different = new Set(places.map(({ place }) => place)).size > 1;
    if (!different && !places.some(({ place }) => place.startsWith('mem'))) return undefined;
    return {
      cause: different
        ? 'frontend and workers use different discovery locations'
        : 'discovery mem works only within one process, so the frontend finds no worker',
      evidence: places.map(({ name, place }) => `${name}: ${place}`),
      fix: '--discovery file   # and do not set DYN_FILE_KV, ETCD_ENDPOINTS or --discovery-backend',
      fromOutside: true,
    };
  },
};

function placeOf({ argv, env }: ProcessSpec): string {
  const backend = valueOf(argv, '--discovery-backend') ?? env.DYN_DISCOVERY_BACKEND ?? 'etcd';
  const place = backend === 'file' ? env.DYN_FILE_KV : backend === 'etcd' ? env.ETCD_ENDPOINTS : undefined;
  return place === undefined ? backend : `${backend} ${place}`;
}
