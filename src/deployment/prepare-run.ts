/** Prepares a run to be supervised: its name, plan, leases, checks of external infrastructure, folder and files. */
import type { Environment } from '../base/environment.ts';
import { choosePlanes } from '../plan/choose-planes.ts';
import { preferredHttpPort } from '../plan/ports.ts';
import { planWithSecrets } from '../plan/make-plan.ts';
import {
  ephemeralFolders,
  persistentFolders,
  type Plan,
  requireServing,
  runsModel,
  type ServingPlan,
  type WorkersPlan,
} from '../plan/plan.ts';
import type { HostFacts, PlanOptions } from '../plan/request.ts';
import { runNameOf } from '../plan/run-name.ts';
import { shareRules } from '../plan/shares.ts';
import type { Profile } from '../profile/profile.ts';
import { type FactRequest, gatherFacts, withLeases } from './host-facts.ts';
import { type PreparedRun, releaseRun } from './tidy-up.ts';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import { isOwn } from '../plan/infra.ts';
import type { Secrets } from '../plan/plan-secrets.ts';
import { isAlive, ownIdentity } from '../process/identity.ts';
import { holdPorts, listeningPorts, type Listeners, releasePortHolds } from '../process/ports.ts';
import { type Lack, lackOfRoom, lackOfRoomFor } from '../process/room.ts';
import { type Claim, claim, unclaim, unknownHolder } from '../run/claim.ts';
import {
  newRunId,
  persistClaim,
  requireOwnState,
  runFiles,
  type StateFolders,
  type Workspace,
  workspaceOf,
} from '../run/folders.ts';
import { leasedPorts, leaseGpus, leasePorts, portsOf, releasePorts } from '../run/leases.ts';
import { type RunRecord, writePlan, writeRecord } from '../run/record.ts';
import { placeSocket } from '../run/socket-folder.ts';
import { version } from '../package/version.ts';

/** Throws DynamoError; then nothing is held and no folder is left. */
export async function prepareRun(
  profile: Profile,
  options: PlanOptions,
  detached: boolean,
  environment: Environment,
): Promise<PreparedRun<ServingPlan | WorkersPlan>> {
  const shares = await shareRules(options);
  // Loaded while facts are gathered: nothing else needs it.
  const storing = import('./run-request.ts');
  storing.catch(() => {});
  const observed = await additions(profile, options, environment);
  let seen: HostFacts | undefined;
  const prepared = await prepareFromRequest({
    ...requestOf(profile, options, detached, environment),
    plan: (host) => {
      seen = host;
      return observed((facts) => planWithSecrets(profile, options, facts, shares), host);
    },
  });
  (await storing).writeRequest(prepared.plan, { profile, options, host: seen });
  return prepared;
}

/** The same for a whole deployment on this host. */
export async function prepareWholeRun(
  profile: Profile,
  options: PlanOptions,
  detached: boolean,
  environment: Environment,
): Promise<PreparedRun<ServingPlan>> {
  const storing = import('./run-request.ts');
  storing.catch(() => {});
  const observed = await additions(profile, options, environment);
  let seen: HostFacts | undefined;
  const prepared = await prepareFromRequest({
    ...requestOf(profile, options, detached, environment),
    plan: (host) => {
      seen = host;
      return observed((facts) => {
        const { plan, secrets } = planWithSecrets(profile, options, facts);
        return { plan: requireServing(plan), secrets };
      }, host);
    },
  });
  (await storing).writeRequest(prepared.plan, { profile, options, host: seen });
  return prepared;
}

interface Planned<P extends Plan> {
  readonly plan: P;
  readonly secrets: Secrets;
}

/** How to plan with what `--planner` and `--observe` add; few ask for them. */
export async function additions(
  profile: Profile,
  options: PlanOptions,
  environment: Environment,
): Promise<<P extends Plan>(make: (host: HostFacts) => Planned<P>, host: HostFacts) => Planned<P>> {
  const planned =
    options.planner === undefined
      ? undefined
      : (await import('./planner.ts')).plannerHere(profile, options, environment);
  const withPlanner = <P extends Plan>(made: Planned<P>, host: HostFacts): Planned<P> =>
    planned === undefined ? made : { ...made, plan: planned(made.plan, host) };
  if (options.observe !== true) return (make, host) => withPlanner(make(host), host);
  const [{ observersHere }, { planObserved }] = await Promise.all([
    import('./observe.ts'),
    import('../plan/observers.ts'),
  ]);
  return (make, host) =>
    planObserved((facts) => withPlanner(make(facts), facts), host, observersHere(options, host));
}

function requestOf(profile: Profile, options: PlanOptions, detached: boolean, environment: Environment) {
  return {
    name: runNameOf(options.name, profile),
    detached,
    environment,
    facts: factRequest(profile, options, environment),
  };
}

/** Which facts about this host are needed to plan this profile. Throws `unavailable` if the planes exclude each other. */
export function factRequest(
  profile: Profile,
  options: PlanOptions,
  environment: Environment,
): Omit<FactRequest, 'runId'> {
  const meet = options.hosts?.rank?.meet;
  return {
    profile,
    ports: [preferredHttpPort(profile, options), ...(meet === undefined ? [] : [meet.port])],
    options,
    engine: options.engine,
    python: options.python,
    infra: {
      needs: choosePlanes(profile, options, environment).needs,
      source: options.infra,
      images: options.images,
      join: options.hosts?.join,
      inProfile: options.hosts?.join === undefined ? profile.infra : { ...profile.infra, etcd: undefined },
    },
  };
}

/** How long to retry while other runs take ports or GPUs between our check and our lease. */
export const planMs = 30_000;
/** Random, so that runs that compete do not retry in step. */
const pauseMs = 20;

interface RunRequest<P extends Plan> {
  readonly name: string;
  readonly detached: boolean;
  /** Of the caller. */
  readonly environment: Environment;
  readonly facts: Omit<FactRequest, 'runId'>;
  /** Pure; called again if another run took a port or a GPU first. */
  readonly plan: (host: HostFacts) => Planned<P>;
}

/** Throws DynamoError; then nothing is held and no folder is left. */
export async function prepareFromRequest<P extends Plan>(request: RunRequest<P>): Promise<PreparedRun<P>> {
  requireOwnState(request.environment);
  const seen = { beganAt: performance.now(), listeners: listeningPorts() };
  const workspace = workspaceOf(request.environment);
  const { folders } = workspace;
  await requireRoom(folders);
  const runId = newRunId(request.name);
  const socket = placeSocket(folders, request.environment, runId);
  const holder = ownIdentity();
  const mine: Claim = { runId, holder };
  claimName(folders, request.name, mine);
  let held: PreparedRun<P> | undefined;
  try {
    const { plan, environment } = await planAndLease(request, workspace, mine, seen);
    held = { plan, environment, files: runFiles(folders, runId), folders };
    claimData(held, mine);
    if (runsModel(plan)) await checkBorrowed(plan, environment.variables);
    writeRun(held, { startedAt: Date.now(), detached: request.detached, supervisor: holder, socket });
    return held;
  } catch (error) {
    if (held === undefined) unclaim(join(folders.names, request.name), mine, isAlive);
    else releaseRun(held);
    throw error;
  }
}

/** Before anything is held or created: reports a missing resource now, instead of failing halfway. */
async function requireRoom({ runs }: StateFolders): Promise<void> {
  requireNoLack(await lackOfRoom(runs));
}

function requireNoLack(lack: Lack | undefined): void {
  if (lack === undefined) return;
  const words = `${lack.words.charAt(0).toUpperCase()}${lack.words.slice(1)}`;
  throw new DynamoError(lack.code, `${words}.`, { hint: lack.fix });
}

function claimName(folders: StateFolders, name: string, mine: Claim): void {
  const standing = claim(join(folders.names, name), mine, isAlive);
  if (standing === undefined) return;
  if (standing.kind === 'unknown') throw unknownHolder(`The name ${name}`, standing);
  const { runId, holder } = standing.claim;
  throw new DynamoError('busy', `A run named ${name} is already up: ${runId} (pid ${holder.pid}).`, {
    hint: `dynamo down ${name}   # or start another one: --name ${name}2`,
    fields: { option: '--name', asked: name, runId, pid: holder.pid },
  });
}

/** Two etcd processes with the same data would wait for each other forever. */
function claimData({ plan, folders }: PreparedRun, mine: Claim): void {
  const file = persistClaim(folders, plan);
  const standing = file === undefined ? undefined : claim(file, mine, isAlive);
  if (standing === undefined) return;
  if (standing.kind === 'unknown') throw unknownHolder(`--persist ${plan.infra?.persist}`, standing);
  const { runId } = standing.claim;
  throw new DynamoError('busy', `--persist ${plan.infra?.persist}: run ${runId} is using that data.`, {
    hint: `dynamo down ${runId}   # or another name after --persist`,
    fields: { option: '--persist', asked: plan.infra?.persist, runId },
  });
}

/** A shared etcd is our own and has no password; one that the environment or the profile names may have one. */
async function checkBorrowed(plan: ServingPlan | WorkersPlan, variables: Environment): Promise<void> {
  const { infra, namespace } = plan;
  const etcd = infra?.etcd;
  if (etcd === undefined || isOwn(etcd)) return;
  const [environment, profileKey] = etcd.from === 'external' ? [variables, etcd.profileKey] : [{}, undefined];
  // Loaded on demand, because most runs have no external etcd.
  const { checkEtcd } = await import('../infra/external-etcd.ts');
  await checkEtcd(etcd.addresses, namespace, environment, profileKey);
  if (plan.share === undefined) return;
  const { requireAgreement } = await import('./presence.ts');
  await requireAgreement({ ...plan, share: plan.share }, environment);
}

async function planAndLease<P extends Plan>(
  { facts: asked, plan }: RunRequest<P>,
  workspace: Workspace,
  mine: Claim,
  { beganAt, listeners }: { readonly beganAt: number; readonly listeners: Listeners },
): Promise<Pick<PreparedRun<P>, 'plan' | 'environment'>> {
  const { folders } = workspace;
  const facts = await gatherFacts(workspace, { ...asked, runId: mine.runId, listeners });
  const busyPorts = new Map(facts.busyPorts);
  let { gpus } = facts;
  while (performance.now() - beganAt < planMs) {
    const planned = plan({ ...facts, busyPorts, gpus });
    const made = planned.plan;
    requireNoLack(lackOfRoomFor({ processes: made.processes.length, ports: portsOf(made).length }));
    const wanted = { ports: portsOf(made), gpuUuids: made.gpuUuids, freeAt: beganAt };
    if (await takePlaces(folders, wanted, mine, busyPorts))
      return { plan: made, environment: { variables: facts.environment, secrets: planned.secrets } };
    gpus = withLeases(gpus, folders);
  }
  throw keptLosing();
}

export function keptLosing(): DynamoError {
  return new DynamoError('busy', `Other runs kept taking the planned ports or GPUs for ${planMs / 1000} s.`, {
    hint: 'start them one after the other',
    fields: { timeoutMs: planMs },
  });
}

interface Places {
  readonly ports: readonly number[];
  readonly gpuUuids: readonly string[];
  /** When the ports were seen to be free (`performance.now`). */
  readonly freeAt: number;
}

/** Leases all of them or none. If another run was first, adds to `busyPorts` what the next plan must avoid. */
export async function takePlaces(
  folders: StateFolders,
  { ports, gpuUuids, freeAt }: Places,
  mine: Claim,
  busyPorts: Map<number, string>,
): Promise<boolean> {
  const lost = leasePorts(folders, ports, mine, isAlive);
  if (lost !== undefined) {
    busyPorts.set(lost, 'another run that is starting');
    // All ports that are taken by now, not one at a time: if thirty runs want the same port, each would lose often.
    for (const [port, holder] of leasedPorts(folders, isAlive)) busyPorts.set(port, holder);
    await systemClock.sleep(Math.random() * pauseMs);
    return false;
  }
  // Leases are only visible in our state folder; holds are visible to every process in this network namespace.
  const foreign = await holdPorts(ports, freeAt);
  if (foreign === undefined && leaseGpus(folders, gpuUuids, mine, isAlive) === undefined) return true;
  if (foreign === undefined) releasePortHolds(ports);
  else busyPorts.set(foreign.port, foreign.holder);
  releasePorts(folders, ports, mine, isAlive);
  return false;
}

function writeRun(
  { plan, files }: PreparedRun,
  about: Pick<RunRecord, 'startedAt' | 'detached' | 'supervisor' | 'socket'>,
): void {
  for (const folder of [
    files.logs,
    ...ephemeralFolders(plan),
    ...persistentFolders(plan),
    ...(runsModel(plan) ? [plan.mediaFolder] : []),
  ]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  if (runsModel(plan) && plan.modelLink !== undefined) {
    const { path, target } = plan.modelLink;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    symlinkSync(target, path);
  }
  for (const { path, text } of plan.infra?.files ?? []) writeFileSync(path, text, { mode: 0o600 });
  writePlan(files, plan);
  writeRecord(files, { runId: plan.runId, name: plan.name, version, ...about });
}
