/**
 * The etcd, NATS and Docker of this host, and the environment of a deployment: only what is needed is looked up,
 * because each lookup takes time.
 */
import { join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { findBinary } from '../infra/find-binaries.ts';
import {
  accessPlaces,
  type ReferenceReader,
  variablesOfProfile,
  withoutCredentials,
} from '../plan/infra-access.ts';
import {
  type ContainerFacts,
  type ImageFacts,
  imageOf,
  type Images,
  infraImages,
} from '../plan/container.ts';
import {
  type ExternalInfra,
  type InfraFacts,
  type InfraName,
  infraNames,
  type SharedInfra,
} from '../plan/infra.ts';
import type { PlanOptions } from '../plan/request.ts';
import { isAlive } from '../process/identity.ts';
import type { Profile } from '../profile/profile.ts';
import { dataFolders } from '../python/setup-folders.ts';
import { readEvents, readPlan, type StoredRun, storedRuns } from '../run/record.ts';
import type { StateFolders, Workspace } from '../run/folders.ts';
import { initialStatus, reduce } from '../supervisor/status.ts';
import { homedir } from 'node:os';
import { messageOf } from '../base/error-code.ts';
import { readFileSync } from 'node:fs';
import { DynamoError } from '../base/error.ts';
import { certificateTexts } from '../infra/etcd-session.ts';

export interface InfraQuestion {
  readonly needs: Readonly<Partial<Record<InfraName, string>>>;
  readonly source: PlanOptions['infra'];
  readonly images?: Images | undefined;
  /** An etcd that is used instead of those of environment and profile. */
  readonly join?: string | undefined;
  /** What the profile itself names. */
  readonly inProfile?: Profile['infra'];
}

/** `environment` in the workspace: that of the deployment. */
export async function infraFacts(
  { folders, environment }: Workspace,
  question: InfraQuestion,
  furtherImages: readonly string[] = [],
): Promise<InfraFacts> {
  const { needs, source } = question;
  const names = infraNames.filter((name) => needs[name] !== undefined);
  const looksAt = (one: PlanOptions['infra']): boolean => source === 'auto' || source === one;
  const external = looksAt('external')
    ? names.map(async (name) => [name, await lookAt(name, question.inProfile, environment)] as const)
    : [];
  const binaries = looksAt('process')
    ? names.map(async (name) => [name, await binary(name, environment)] as const)
    : [];
  const facts = {
    external: known(await Promise.all(external)),
    binaries: known(await Promise.all(binaries)),
    shared: names.length > 0 && source === 'auto' ? sharedInfra(folders) : undefined,
    persistentFolder: folders.infra,
  };
  const asked =
    source === 'docker' ? names : source === 'auto' ? names.filter((name) => isMissing(name, facts)) : [];
  const images = [
    ...asked.map((name) => imageOf(infraImages[name], question.images ?? {}, environment)),
    ...furtherImages,
  ];
  return images.length === 0 ? facts : { ...facts, containers: await containerFacts(images, environment) };
}

/** Only a container is possible then. */
function isMissing(name: InfraName, { external, binaries, shared }: InfraFacts): boolean {
  const there = external[name];
  const usable = there !== undefined && there.silent === undefined;
  return !usable && shared === undefined && binaries[name] === undefined;
}

function known<T>(entries: readonly (readonly [InfraName, T | undefined])[]): Partial<Record<InfraName, T>> {
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** Facts if nothing was looked up. */
export const noInfraFacts: InfraFacts = { external: {}, binaries: {}, persistentFolder: '' };

async function lookAt(
  name: InfraName,
  inProfile: InfraQuestion['inProfile'],
  environment: Environment,
): Promise<ExternalInfra | undefined> {
  const { ETCD_ENDPOINTS, NATS_SERVER } = environment;
  const profileKey = inProfile?.[name] === undefined ? undefined : placeKeys[name];
  // Both are loaded on demand, because most hosts have no external etcd or NATS.
  if (name === 'etcd') {
    if (!ETCD_ENDPOINTS) return undefined;
    const { lookAtEtcd } = await import('../infra/external-etcd.ts');
    const access = accessPlaces(inProfile?.etcd, environment);
    return { ...(await lookAtEtcd(ETCD_ENDPOINTS, environment, profileKey)), profileKey, access };
  }
  if (!NATS_SERVER) return undefined;
  const { lookAtNats } = await import('../infra/external-nats.ts');
  return { ...(await lookAtNats(NATS_SERVER, environment)), profileKey };
}

const placeKeys: Readonly<Record<InfraName, string>> = {
  etcd: 'infra.etcd.endpoints',
  nats: 'infra.nats.servers',
};

async function binary(name: InfraName, environment: Environment) {
  return await findBinary(name, environment, join(dataFolders(environment).infra, 'bin'));
}

/** The live run of `dynamo infra up`, ready or not. */
export function sharedRun(folders: StateFolders): StoredRun | undefined {
  return storedRuns(folders, isAlive).findLast((run) => run.supervised && isInfraOnly(run));
}

export function isInfraOnly({ files }: StoredRun): boolean {
  return readPlan(files)?.engine === 'none';
}

function sharedInfra(folders: StateFolders): SharedInfra | undefined {
  const run = sharedRun(folders);
  const plan = run === undefined ? undefined : readPlan(run.files);
  if (run === undefined || plan === undefined) return undefined;
  const { phase } = readEvents(run.files).reduce(reduce, initialStatus(plan, run.record.startedAt));
  const { etcd, nats } = plan.infra ?? {};
  if (phase !== 'ready' || etcd === undefined || nats === undefined) return undefined;
  return {
    runId: plan.runId,
    addresses: { etcd: etcd.addresses.join(','), nats: nats.addresses.join(',') },
    versions: { etcd: etcd.version, nats: nats.version },
  };
}

/** Which Docker daemon answers, and which images it has or can pull. `references`: images that may be needed. Never rejects. */
async function containerFacts(
  references: readonly string[],
  environment: Environment,
): Promise<ContainerFacts> {
  // Loaded on demand, because Docker's client doubles the code that a start loads.
  const { findDaemon } = await import('../container/find-daemon.ts');
  const found = await findDaemon(environment, homedir());
  if ('problem' in found) return { problem: found.problem, images: {} };
  const [{ connect }, { imageFacts }] = await Promise.all([
    import('../container/client.ts'),
    import('../container/images.ts'),
  ]);
  const docker = connect(found.daemon);
  const images = await Promise.all(
    references.map(async (reference): Promise<[string, ImageFacts]> => {
      const facts = await imageFacts(docker, reference).catch((error: unknown) => ({
        present: false,
        problem: { words: messageOf(error), fix: 'docker info' },
      }));
      return [reference, facts];
    }),
  );
  return { daemon: found.daemon, images: Object.fromEntries(images) };
}

/**
 * The environment of a deployment: the caller's, with the profile's settings for etcd and NATS in upstream's variables. Those
 * settings are used only if an external etcd or NATS may be used, and only for the one that is needed, so that no other secret
 * is read. Throws `environment` if a secret is not where the profile says.
 */
export function deploymentEnvironment(
  caller: Environment,
  {
    profile,
    infra: { needs, source, join: etcd },
  }: { readonly profile?: Profile; readonly infra: InfraQuestion },
): Environment {
  const takesExternal = source === 'auto' || source === 'external';
  const said =
    profile === undefined || !takesExternal
      ? []
      : infraNames
          .filter((name) => needs[name] !== undefined)
          .map((name) => variablesOfProfile(name, profile, caller, readerIn(caller)));
  const joined = etcd === undefined ? {} : { ETCD_ENDPOINTS: etcd };
  const environment = shownEnvironment(Object.assign({ ...caller }, ...said, joined) as Environment);
  const all = { ...environment, ...certificateTexts(environment) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** Moves credentials from addresses, which are printed and stored, to the variables that upstream also reads. */
export function shownEnvironment(environment: Environment): Environment {
  return { ...environment, ...withoutCredentials(environment) };
}

function readerIn(environment: Environment): ReferenceReader {
  return {
    secret: (key, reference) => {
      if (reference?.env !== undefined) return secretOf(key, reference.env, environment);
      return reference?.file === undefined ? undefined : fromFile(key, pathOf(reference.file));
    },
    path: (written) => (written === undefined ? undefined : pathOf(written)),
  };
}

function secretOf(key: string, name: string, environment: Environment): string {
  const value = environment[name];
  if (value !== undefined && value !== '') return value;
  throw new DynamoError('environment', `${key} of the profile is in ${name}, which is not set.`, {
    hint: `export ${name}=…`,
    fields: { key, variable: name },
  });
}

function fromFile(key: string, file: string): string {
  try {
    const value = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    if (value !== '') return value;
  } catch (error) {
    throw unread(key, file, messageOf(error));
  }
  throw unread(key, file, 'it is empty');
}

function unread(key: string, file: string, why: string): DynamoError {
  return new DynamoError(
    'environment',
    `${key} of the profile is in ${file}, which cannot be used: ${why}.`,
    {
      hint: `ls -l ${file}`,
      fields: { key, file },
    },
  );
}

function pathOf(written: string): string {
  return written.startsWith('~/') ? join(homedir(), written.slice(2)) : written;
}
