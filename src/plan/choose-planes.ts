/** Decides how processes find each other (discovery) and how KV events travel, and so whether etcd and NATS are needed. */
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import type { Discovery, EngineKind } from '../engine/engine.ts';
import type { Profile } from '../profile/profile.ts';
import { infraTitles, type InfraName } from './infra.ts';
import type { Choice, ServingPlan } from './plan.ts';
import { spansHosts } from './shares.ts';
import type { PlanOptions } from './request.ts';

export interface Planes {
  readonly discovery: Discovery['backend'];
  readonly events: ServingPlan['events'];
  /** What is required, each with the key or option that requires it. */
  readonly needs: Readonly<Partial<Record<InfraName, string>>>;
  readonly choices: readonly Choice[];
}

/**
 * Chooses file discovery and ZMQ events, which need no etcd and no NATS, unless profile or options say otherwise.
 * Throws `unavailable` when what is needed is excluded by `--infra none`.
 */
export function choosePlanes(profile: Profile, options: PlanOptions, environment: Environment): Planes {
  const discovery = chooseDiscovery(profile, options, environment);
  const events = chooseEvents(profile, options, environment);
  const needs: Partial<Record<InfraName, string>> = {};
  if (discovery.value === 'etcd') needs.etcd = options.planner === undefined ? 'discovery etcd' : '--planner';
  if (events.value === 'nats') needs.nats = 'events nats';
  if (profile.requestPlane === 'nats') needs.nats = 'requestPlane nats';
  if (options.infra === 'none') {
    for (const [name, why] of Object.entries(needs)) throw excluded(name as InfraName, why);
  }
  return {
    discovery: discovery.value,
    events: events.value,
    needs,
    choices: [
      ...(discovery.because === undefined
        ? []
        : [{ what: 'discovery', ...discovery, because: discovery.because }]),
      ...(events.because === undefined ? [] : [{ what: 'events', ...events, because: events.because }]),
    ],
  };
}

interface PlaneChoice<T> {
  readonly value: T;
  /** Absent when the user chose it explicitly. */
  readonly because?: string;
}

function chooseDiscovery(
  profile: Profile,
  options: PlanOptions,
  environment: Environment,
): PlaneChoice<Discovery['backend']> {
  const asked = options.discovery ?? profile.discovery;
  if (options.planner !== undefined && asked === 'file') throw plannerWithoutEtcd();
  if (asked !== 'auto') return { value: asked };
  if (options.planner !== undefined)
    return { value: 'etcd', because: 'the planner writes its decisions there' };
  if (spansHosts(options)) return { value: 'etcd', because: 'processes on several hosts meet in etcd' };
  if (wants('etcd', options, environment)) return { value: 'etcd', because: `--infra ${options.infra}` };
  if (names('etcd', profile, options)) return { value: 'etcd', because: 'infra.etcd in the profile' };
  return { value: 'file', because: 'all processes run on this host, so etcd is not needed' };
}

function chooseEvents(
  profile: Profile,
  options: PlanOptions,
  environment: Environment,
): PlaneChoice<ServingPlan['events']> {
  const asked = options.events ?? profile.events;
  if (asked !== 'auto') return { value: asked };
  const published = Object.values(profile.components).some((spec) => spec.kind === 'worker' && spec.kvEvents);
  if (published && wants('nats', options, environment)) {
    return { value: 'nats', because: `--infra ${options.infra}, and workers publish KV events` };
  }
  if (published && names('nats', profile, options)) {
    return { value: 'nats', because: 'infra.nats in the profile, and workers publish KV events' };
  }
  return { value: 'zmq', because: 'workers send events directly to the frontend, so NATS is not needed' };
}

function plannerWithoutEtcd(): DynamoError {
  return new DynamoError('usage', '--planner needs etcd: the planner writes its decisions there.', {
    hint: 'omit --discovery file, and discovery in the profile',
    fields: { option: '--planner', asked: 'file' },
  });
}

/** `--infra SOURCE` means that it should be used; with `external`, what the environment names. */
function wants(name: InfraName, { infra }: PlanOptions, environment: Environment): boolean {
  if (infra === 'external') return Boolean(environment[name === 'etcd' ? 'ETCD_ENDPOINTS' : 'NATS_SERVER']);
  return infra === 'process' || infra === 'docker';
}

/** A profile that names an address means that it should be used, unless the user asked for another source. */
function names(name: InfraName, profile: Profile, { infra }: PlanOptions): boolean {
  return profile.infra?.[name] !== undefined && (infra === 'auto' || infra === 'external');
}

/** Throws `usage` for a request plane that the engine does not support. */
export function requireRequestPlane(
  { name, requestPlanes }: Pick<EngineKind, 'name' | 'requestPlanes'>,
  { requestPlane }: Pick<Profile, 'requestPlane'>,
): void {
  if (requestPlanes.includes(requestPlane)) return;
  const known = requestPlanes.join(', ');
  throw new DynamoError(
    'usage',
    `The engine ${name} does not support the request plane ${requestPlane}; supported: ${known}.`,
    {
      hint: `--request-plane ${requestPlanes[0]}   # or --engine mocker, which also supports NATS`,
      impossible: true,
      fields: { engine: name, asked: requestPlane, choices: requestPlanes },
    },
  );
}

function excluded(name: InfraName, why: string): DynamoError {
  return new DynamoError('unavailable', `--infra none, but ${why} needs ${infraTitles[name]}.`, {
    hint:
      name === 'etcd'
        ? why === '--planner'
          ? 'omit --infra none'
          : 'omit --infra none, or add --discovery file'
        : 'omit --infra none, or add --events zmq --request-plane tcp',
    fields: { option: '--infra', asked: name },
  });
}
