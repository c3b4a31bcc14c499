/** Decides how the processes find each other (discovery) and where KV events travel. */
import { DynamoError } from '../base/error.ts';
import type { Discovery } from '../engine/engine.ts';
import type { Profile } from '../profile/profile.ts';
import type { Choice, Plan } from './plan.ts';
import type { HostFacts, PlanOptions } from './request.ts';

export interface Planes {
  readonly discovery: Discovery;
  readonly events: Plan['events'];
  readonly choices: readonly Choice[];
}

/**
 * Chooses file discovery and ZMQ events, which need no etcd and no NATS.
 * Throws `unavailable` for what needs them, as this version cannot start them yet.
 */
export function choosePlanes(profile: Profile, options: PlanOptions, host: HostFacts): Planes {
  const discovery = options.discovery ?? profile.discovery;
  const events = options.events ?? profile.events;
  const { infra } = options;
  if (infra !== 'auto' && infra !== 'none') throw notBuiltYet(`--infra ${infra}`);
  if (discovery === 'etcd') throw notBuiltYet('discovery etcd');
  if (events === 'nats') throw notBuiltYet('events nats');
  if (profile.requestPlane === 'nats') throw notBuiltYet('requestPlane nats');
  return {
    // A folder of its own for each run: the default one is shared by all runs of a user, dead ones too.
    discovery: { backend: 'file', folder: `${host.runFolder}/discovery` },
    events: events === 'auto' ? 'zmq' : events,
    choices: [
      ...(discovery === 'auto'
        ? [{ what: 'discovery', value: 'file', because: 'all processes are on this host: no etcd needed' }]
        : []),
      ...(events === 'auto'
        ? [
            {
              what: 'events',
              value: 'zmq',
              because: 'events go from worker to frontend directly: no NATS needed',
            },
          ]
        : []),
    ],
  };
}

function notBuiltYet(what: string): DynamoError {
  return new DynamoError('unavailable', `${what}: this version of dynamo cannot start etcd or NATS yet.`, {
    hint: 'add --infra none --discovery file --events zmq',
  });
}
