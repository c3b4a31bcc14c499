/** Gathers what is known of etcd and NATS: only of what is needed, as each look costs time. */
import { join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { lookAtEtcd } from '../infra/external-etcd.ts';
import { lookAtNats } from '../infra/external-nats.ts';
import { findBinary } from '../infra/find-binaries.ts';
import { accessPlaces } from '../plan/infra-access.ts';
import { type Images, imageOf, infraImages } from '../plan/container.ts';
import {
  type ExternalInfra,
  infraNames,
  type InfraFacts,
  type InfraName,
  type SharedInfra,
} from '../plan/infra.ts';
import type { PlanOptions } from '../plan/request.ts';
import { isAlive } from '../process/identity.ts';
import type { Profile } from '../profile/profile.ts';
import { dataFolders } from '../python/setup-folders.ts';
import { readEvents, readPlan, type StoredRun, storedRuns } from '../run/record.ts';
import type { StateFolders, Workspace } from '../run/folders.ts';
import { initialStatus, reduce } from '../supervisor/status.ts';
import { containerFacts } from './container-facts.ts';

export interface InfraQuestion {
  readonly needs: Readonly<Partial<Record<InfraName, string>>>;
  readonly source: PlanOptions['infra'];
  readonly images?: Images | undefined;
  /** What a profile names itself. */
  readonly inProfile?: Profile['infra'];
}

/** `environment` of the workspace: that of the deployment. */
export async function infraFacts(
  { folders, environment }: Workspace,
  question: InfraQuestion,
  runtimeImage?: string,
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
    external: found(await Promise.all(external)),
    binaries: found(await Promise.all(binaries)),
    shared: names.length > 0 && source === 'auto' ? sharedInfra(folders) : undefined,
    persistentFolder: folders.infra,
  };
  const asked =
    source === 'docker' ? names : source === 'auto' ? names.filter((name) => isMissing(name, facts)) : [];
  const images = [
    ...asked.map((name) => imageOf(infraImages[name], question.images ?? {}, environment)),
    ...(runtimeImage === undefined ? [] : [runtimeImage]),
  ];
  return images.length === 0 ? facts : { ...facts, containers: await containerFacts(images, environment) };
}

/** Then a container is the last that is left. */
function isMissing(name: InfraName, { external, binaries, shared }: InfraFacts): boolean {
  const there = external[name];
  const usable = there !== undefined && there.silent === undefined;
  return !usable && shared === undefined && binaries[name] === undefined;
}

function found<T>(entries: readonly (readonly [InfraName, T | undefined])[]): Partial<Record<InfraName, T>> {
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** Facts where nothing was looked at. */
export const noInfraFacts: InfraFacts = { external: {}, binaries: {}, persistentFolder: '' };

async function lookAt(
  name: InfraName,
  inProfile: InfraQuestion['inProfile'],
  environment: Environment,
): Promise<ExternalInfra | undefined> {
  const { ETCD_ENDPOINTS, NATS_SERVER } = environment;
  const profileKey = inProfile?.[name] === undefined ? undefined : placeKeys[name];
  if (name === 'etcd')
    return ETCD_ENDPOINTS
      ? {
          ...(await lookAtEtcd(ETCD_ENDPOINTS, environment, profileKey)),
          profileKey,
          access: accessPlaces(inProfile?.etcd, environment),
        }
      : undefined;
  return NATS_SERVER ? { ...(await lookAtNats(NATS_SERVER, environment)), profileKey } : undefined;
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
