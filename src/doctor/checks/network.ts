/** How processes of one host reach each other: planes, proxies and loopback. */
import { ignoredVariables } from '../../plan/infra-access.ts';
import { isServing, type ServingPlan, type WorkersPlan } from '../../plan/plan.ts';
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import type { HostView, Subject } from '../host-view.ts';
import { valueOf } from '../planned.ts';

const sharedVariables = [
  'DYN_DISCOVERY_BACKEND',
  'DYN_EVENT_PLANE',
  'DYN_REQUEST_PLANE',
  'ETCD_ENDPOINTS',
  'NATS_SERVER',
  'DYN_NAMESPACE',
  'DYN_FILE_KV',
];

/** D12: all processes must agree on discovery and on the event plane. */
export const planes: Check = {
  id: 'D12',
  name: 'planes',
  title: 'all processes agree on discovery, events and namespace',
  severity: 'warn',
  look: (host) => {
    const { subject } = host;
    return subject?.plan === undefined ? checkEnvironment(host) : checkPlan(subject.plan, subject);
  },
};

/**
 * No log mentions a difference: the model is never listed.
 * Source: docs/upstream/discovery.md#mismatches-without-a-message.
 */
function checkPlan(plan: ServingPlan | WorkersPlan, { profile }: Subject): Finding {
  const processes = plan.processes.filter(({ kind }) => kind !== 'infra');
  for (const name of sharedVariables) {
    const values = new Map(processes.map((spec) => [spec.env[name], spec.name]));
    if (values.size > 1) {
      const seen = [...values].map(([value, process]) => `${value ?? 'unset'} for ${process}`).join(', ');
      return warn(`${name} differs between processes: ${seen}`, `set ${name} for all of them or for none`);
    }
  }
  const routesByEvents = Object.values(profile.components).some(
    (spec) => spec.kind === 'frontend' && spec.router.mode === 'kv' && spec.router.kvEvents,
  );
  if (routesByEvents && plan.events === 'none') {
    return warn('the router needs KV events, but the event plane is none', '--events zmq');
  }
  const odd = processes.find(({ argv }) => {
    const value = valueOf(argv, '--discovery-backend');
    return value !== undefined && value !== plan.discovery.backend;
  });
  if (odd !== undefined) {
    return warn(`the --discovery-backend of ${odd.name} differs from the plan`, 'remove that flag');
  }
  const unheard = ignoredVariables(plan);
  const ignored = unheard.length > 0 ? `; ignored: ${unheard.join(', ')}` : '';
  return ok(
    `discovery ${plan.discovery.backend}, events ${plan.events}, namespace ${plan.namespace}${ignored}`,
  );
}

function checkEnvironment({ environment }: HostView): Finding {
  const {
    DYN_DISCOVERY_BACKEND: backend,
    DYN_EVENT_PLANE: events,
    NATS_SERVER,
    ETCD_ENDPOINTS,
  } = environment;
  if (backend !== undefined && backend !== 'etcd' && ETCD_ENDPOINTS !== undefined) {
    return warn(
      `DYN_DISCOVERY_BACKEND=${backend} and ETCD_ENDPOINTS are both set: only one is used`,
      'unset ETCD_ENDPOINTS',
    );
  }
  if (events === 'nats' && !NATS_SERVER) {
    return warn('DYN_EVENT_PLANE=nats is set, but NATS_SERVER is not', 'export DYN_EVENT_PLANE=zmq');
  }
  const set = sharedVariables.filter((name) => environment[name] !== undefined);
  return ok(set.length === 0 ? 'no variable affects it' : `set, and consistent: ${set.join(', ')}`);
}

const loopbackNames = ['localhost', '127.0.0.1', '0.0.0.0', '::1'];

/** D25: a proxy between processes of this host. */
export const proxy: Check = {
  id: 'D25',
  name: 'proxy',
  title: 'no proxy is used for this host itself',
  severity: 'warn',
  look: ({ environment }) => {
    const names = Object.keys(environment).filter((name) => /^(https?|all)_proxy$/i.test(name));
    const set = names.filter((name) => environment[name] !== '');
    if (set.length === 0) return ok('no proxy is set');
    const malformed = set.find((name) => !URL.canParse(environment[name] ?? ''));
    if (malformed !== undefined) {
      return warn(
        `${malformed}=${environment[malformed]} is not a URL with a scheme`,
        `export ${malformed}=http://proxy.example.com:3128`,
      );
    }
    const excluded = (environment['no_proxy'] ?? environment['NO_PROXY'] ?? '')
      .split(',')
      .map((each) => each.trim());
    const open = excluded.includes('*') ? [] : loopbackNames.filter((name) => !excluded.includes(name));
    if (open.length === 0) return ok(`${set.join(', ')} set, loopback excluded`);
    return warn(
      `${set.join(', ')} set and no_proxy lacks ${open.join(', ')}: your own clients use the proxy for this host`,
      `export no_proxy="$no_proxy,${open.join(',')}"   # processes of dynamo already have it`,
    );
  },
};

/** Hardly ever in use; a refusal also shows that loopback is up. Source: RFC 863. */
const discardPort = 9;

/** D26: loopback is up, and `localhost` leads to where the frontend listens. */
export const loopback: Check = {
  id: 'D26',
  name: 'loopback',
  title: 'localhost reaches servers on loopback',
  severity: 'fail',
  look: async (host) => {
    const unreachable = await host.network.connect('127.0.0.1', discardPort);
    if (unreachable !== undefined && unreachable !== 'ECONNREFUSED')
      return fail(`127.0.0.1 cannot be reached (${unreachable}): loopback is down`, 'ip link set lo up');
    const asked = await host.run('getent', ['ahosts', 'localhost']);
    if (asked === undefined) return skip('getent is not installed');
    const addresses = [
      ...new Set([...asked.stdout.matchAll(/^(\S+)\s/gm)].map(([, address]) => address ?? '')),
    ];
    const odd = addresses.filter((address) => address !== '::1' && !address.startsWith('127.'));
    if (addresses.length === 0 || odd.length > 0) {
      return warn(
        addresses.length === 0
          ? 'localhost has no address'
          : `localhost is ${odd.join(', ')}, which is not this host`,
        'echo "127.0.0.1 localhost" | sudo tee -a /etc/hosts',
      );
    }
    const { runs } = await host.state();
    for (const { plan, runId, state } of runs) {
      if (state !== 'live' || plan === undefined || !isServing(plan)) continue;
      const { port } = plan.http;
      const first = addresses[0] ?? '';
      const reason = await host.network.connect(first, port);
      const reached = await host.network.connect('127.0.0.1', port);
      if (reason === undefined || reached !== undefined) continue;
      return warn(
        `${runId} listens on 127.0.0.1:${port}, but localhost resolves to ${first} first (${reason})`,
        `use http://127.0.0.1:${port}`,
      );
    }
    return ok(`localhost is ${addresses.join(', ')}`);
  },
};
