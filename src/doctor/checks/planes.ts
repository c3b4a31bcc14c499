/** D12: all processes must agree on where they find each other and where events travel. */
import { type Check, ok, type Finding, warn } from '../check.ts';
import { ignoredVariables } from '../../plan/infra-variables.ts';
import type { Plan } from '../../plan/plan.ts';
import type { HostView, Subject } from '../host-view.ts';
import { valueOf } from '../planned.ts';

const shared = [
  'DYN_DISCOVERY_BACKEND',
  'DYN_EVENT_PLANE',
  'DYN_REQUEST_PLANE',
  'ETCD_ENDPOINTS',
  'NATS_SERVER',
  'DYN_NAMESPACE',
  'DYN_FILE_KV',
];

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
 * A difference shows in no log: the model is just never listed.
 * Source: docs/upstream/discovery.md#mismatches-without-a-message.
 */
function checkPlan(plan: Plan, { profile }: Subject): Finding {
  const processes = plan.processes.filter(({ kind }) => kind !== 'infra');
  for (const name of shared) {
    const values = new Map(processes.map((spec) => [spec.env[name], spec.name]));
    if (values.size > 1) {
      const told = [...values].map(([value, process]) => `${value ?? 'unset'} for ${process}`).join(', ');
      return warn(`${name} differs between processes: ${told}`, `set ${name} for all of them or for none`);
    }
  }
  const routesByEvents = Object.values(profile.components).some(
    (spec) => spec.kind === 'frontend' && spec.router.mode === 'kv' && spec.router.kvEvents,
  );
  if (routesByEvents && plan.events === 'none') {
    return warn('the router routes by KV events, and the event plane is none', '--events zmq');
  }
  const odd = processes.find(({ argv }) => {
    const value = valueOf(argv, '--discovery-backend');
    return value !== undefined && value !== plan.discovery.backend;
  });
  if (odd !== undefined) {
    return warn(`${odd.name} is given another --discovery-backend than the plan`, 'leave that flag out');
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
      `DYN_DISCOVERY_BACKEND=${backend} and ETCD_ENDPOINTS are both set: only one counts`,
      'unset ETCD_ENDPOINTS',
    );
  }
  if (events === 'nats' && !NATS_SERVER) {
    return warn('DYN_EVENT_PLANE=nats is set and NATS_SERVER is not', 'export DYN_EVENT_PLANE=zmq');
  }
  const set = shared.filter((name) => environment[name] !== undefined);
  return ok(set.length === 0 ? 'no variable decides on it' : `set, without contradiction: ${set.join(', ')}`);
}
