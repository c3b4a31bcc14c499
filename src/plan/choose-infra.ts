/** Decides where etcd and NATS come from (external, shared, or processes of the run), and records why earlier sources were skipped. */
import { DynamoError } from '../base/error.ts';
import type { Profile, WorkerSpec } from '../profile/profile.ts';
import type { Planes } from './choose-planes.ts';
import { type ContainerFacts, imageOf, imageVersion, infraImages, type Lack, orElse } from './container.ts';
import { type InfraName, infraNames, infraTitles, type InfraUse, type InfraUses, isOwn } from './infra.ts';
import { spansHosts } from './shares.ts';
import type { Choice } from './plan.ts';
import type { HostFacts, PlanOptions } from './request.ts';

export interface ChosenInfra {
  readonly uses: InfraUses;
  readonly choices: readonly Choice[];
}

type Source = InfraUse['from'];

/** In the order in which `auto` tries them. */
const sources: readonly Source[] = ['external', 'shared', 'process', 'docker'];

/** Other hosts do not reach those on loopback: of `dynamo infra up`, and in containers. */
const reachable: ReadonlySet<Source> = new Set<Source>(['external', 'process']);

/** What a source can provide, or why it cannot. */
type Offer =
  | { readonly use: InfraUse; readonly words: string }
  | { readonly lacks: string; readonly fix?: string };

/** Throws `unavailable` when the requested source, or with `auto` any source, cannot provide what is needed. */
export function chooseInfra(
  needs: Planes['needs'],
  options: Pick<PlanOptions, 'infra' | 'images' | 'hosts'>,
  host: Pick<HostFacts, 'infra' | 'environment'>,
): ChosenInfra {
  const uses: Partial<Record<InfraName, InfraUse>> = {};
  const choices: Choice[] = [];
  if (options.infra === 'external' && Object.keys(needs).length === 0) throw nothingExternal();
  for (const name of infraNames) {
    const why = needs[name];
    if (why === undefined) continue;
    const { use, choice } = chooseOne(name, why, options, host);
    uses[name] = use;
    choices.push(choice);
  }
  return { uses, choices };
}

function chooseOne(
  name: InfraName,
  why: string,
  options: Pick<PlanOptions, 'infra' | 'images' | 'hosts'>,
  host: Pick<HostFacts, 'infra' | 'environment'>,
): { use: InfraUse; choice: Choice } {
  const { infra: asked, images = {} } = options;
  const image = imageOf(infraImages[name], images, host.environment);
  const joined = name === 'etcd' && options.hosts?.join !== undefined;
  const lacking: string[] = [];
  let fix: string | undefined;
  const possible = spansHosts(options) ? sources.filter((one) => reachable.has(one)) : sources;
  for (const source of asked === 'auto' ? possible : possible.filter((one) => one === asked)) {
    const offer = offerOf(source, name, { infra: host.infra, joined }, image);
    if ('use' in offer) {
      const because = [offer.words, ...lacking].join('; ');
      return { use: offer.use, choice: { what: name, value: source, because } };
    }
    lacking.push(offer.lacks);
    fix = offer.fix;
  }
  throw new DynamoError('unavailable', `${why} needs ${infraTitles[name]}, but none is available.`, {
    details: lacking.map((each) => `  ${each}`),
    hint: asked === 'docker' ? orElse(fix, '--infra process') : fixes[asked](name),
    fields: { asked: name },
  });
}

const install = 'dynamo setup --infra   # or: apt-get install etcd-server nats-server';
const fixes: Readonly<Record<Exclude<PlanOptions['infra'], 'docker'>, (name: InfraName) => string>> = {
  auto: () => install,
  process: () => install,
  none: () => install,
  external: (name) => `export ${variables[name]}=…   # or omit --infra external`,
};

function offerOf(
  source: Source,
  name: InfraName,
  { infra: facts, joined }: { readonly infra: HostFacts['infra']; readonly joined: boolean },
  image: string,
): Offer {
  switch (source) {
    case 'external':
      return externalOffer(name, facts, joined);
    case 'shared':
      return sharedOffer(name, facts);
    case 'process':
      return processOffer(name, facts);
    case 'docker':
      return dockerOffer(image, facts.containers);
  }
}

const variables: Readonly<Record<InfraName, string>> = { etcd: 'ETCD_ENDPOINTS', nats: 'NATS_SERVER' };
const programs: Readonly<Record<InfraName, string>> = { etcd: 'etcd', nats: 'nats-server' };

/**
 * Throws `unavailable` for one that answers but cannot be used, and for one that the profile names but that does not
 * answer: ignoring it would hide a mistake.
 */
function externalOffer(name: InfraName, { external }: HostFacts['infra'], joined: boolean): Offer {
  const found = external[name];
  if (found === undefined) return { lacks: `${variables[name]} is not set` };
  const { profileKey, addresses, silent, access } = found;
  const place = joined
    ? `--join ${addresses.join(',')}`
    : `${profileKey ?? variables[name]}=${addresses.join(',')}`;
  if (joined && silent !== undefined) throw unreached(place, silent, addresses);
  const wrong = found.wrong ?? (profileKey === undefined ? undefined : silent);
  if (wrong !== undefined) {
    throw new DynamoError('unavailable', `${place}: ${wrong}.`, {
      hint: found.fix ?? fixOf(name, profileKey),
      fields: { asked: name, address: addresses.join(','), key: profileKey },
    });
  }
  if (silent !== undefined) return { lacks: `${place}: ${silent}` };
  const version = found.version ?? 'unknown';
  return {
    use: {
      from: 'external',
      addresses,
      version,
      ...(profileKey === undefined ? {} : { profileKey }),
      ...(access === undefined ? {} : { access }),
    },
    words: [`${place} answers, version ${version}`, found.about].filter(Boolean).join(', '),
  };
}

function fixOf(name: InfraName, profileKey: string | undefined): string {
  return profileKey === undefined
    ? `fix it, or: unset ${variables[name]}`
    : `fix infra.${name} in the profile, or use a local one: --infra process`;
}

function unreached(place: string, silent: string, addresses: readonly string[]): DynamoError {
  return new DynamoError('unavailable', `${place}: ${silent}.`, {
    details: ['Is `dynamo up` running on the host that starts etcd, and is the port open to this host?'],
    hint: `curl -m 2 ${addresses[0]}/health`,
    fields: { address: addresses.join(',') },
  });
}

function sharedOffer(name: InfraName, { shared }: HostFacts['infra']): Offer {
  if (shared === undefined) return { lacks: 'no shared one is running (dynamo infra up)' };
  const address = shared.addresses[name];
  const version = shared.versions[name];
  return {
    use: { from: 'shared', addresses: [address], version, runId: shared.runId },
    words: `run ${shared.runId} shares it at ${address}, version ${version}`,
  };
}

function processOffer(name: InfraName, { binaries }: HostFacts['infra']): Offer {
  const binary = binaries[name];
  if (binary === undefined) return { lacks: `no ${programs[name]} on PATH, and none from dynamo setup` };
  return {
    use: { from: 'process', addresses: [], ...binary },
    words: `${binary.path}, version ${binary.version}`,
  };
}

function dockerOffer(image: string, facts: ContainerFacts | undefined): Offer {
  if (facts === undefined) return { lacks: 'docker was not checked' };
  const { daemon } = facts;
  if (daemon === undefined) return lackOf(facts.problem);
  const { present = false, problem } = facts.images[image] ?? {};
  if (problem !== undefined) return lackOf(problem);
  const pull = present ? 'which is here' : 'which will be pulled';
  return {
    use: { from: 'docker', addresses: [], image, version: imageVersion(image) },
    words: `a container of ${image}, ${pull}; ${daemon.because}, version ${daemon.version}`,
  };
}

function lackOf(problem?: Lack): Offer {
  const lacks = `docker: ${problem?.words ?? 'there is no daemon'}`;
  return problem === undefined ? { lacks } : { lacks, fix: problem.fix };
}

function nothingExternal(): DynamoError {
  return new DynamoError(
    'unavailable',
    '--infra external was given, but this run would not use an external etcd or NATS.',
    {
      details: [
        'Discovery uses ETCD_ENDPOINTS and events use NATS_SERVER, unless another plane is selected.',
      ],
      hint: 'export ETCD_ENDPOINTS=http://127.0.0.1:2379 NATS_SERVER=nats://127.0.0.1:4222',
      fields: { option: '--infra', asked: 'external' },
    },
  );
}

export interface Namespaced {
  readonly profile: Profile;
  readonly choices: readonly Choice[];
}

/** `runId` ends in unique characters after the last `-`. A run with its own etcd and NATS keeps the profile's namespace. */
export function namespaced(
  profile: Profile,
  uses: InfraUses,
  runId: string,
  /** Of a deployment on several hosts: all of them must come to the same one. */
  sharedName?: string,
): Namespaced {
  if (sharedName !== undefined) {
    const namespace = `${profile.namespace}-${sharedName}`;
    const because = 'the same on every host: the namespace of the profile, and the name of the run';
    return {
      profile: withNamespace(profile, namespace),
      choices: [{ what: 'namespace', value: namespace, because }],
    };
  }
  const shared = infraNames.filter((name) => {
    const use = uses[name];
    return use !== undefined && !isOwn(use);
  });
  if (shared.length === 0) return { profile, choices: [] };
  const namespace = `${profile.namespace}-${runId.slice(runId.lastIndexOf('-') + 1)}`;
  const because = `other runs may use this ${shared.map((name) => infraTitles[name]).join(' and ')}, so this run gets its own namespace`;
  return {
    profile: withNamespace(profile, namespace),
    choices: [{ what: 'namespace', value: namespace, because }],
  };
}

function withNamespace(profile: Profile, namespace: string): Profile {
  const components = Object.entries(profile.components).map(([name, spec]): [string, typeof spec] => [
    name,
    spec.kind === 'worker' ? moved(spec, namespace) : spec,
  ]);
  return { ...profile, namespace, components: Object.fromEntries(components) };
}

/** An endpoint is namespace.component.endpoint. */
function moved(spec: WorkerSpec, namespace: string): WorkerSpec {
  if (spec.endpoint === undefined) return spec;
  return { ...spec, endpoint: spec.endpoint.replace(/^[^.]+/, namespace) };
}
