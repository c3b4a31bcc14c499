/** Gathers the facts about this host that planning needs. */
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { modelWeightsMiB } from '../gpu/model-weights.ts';
import { spansHosts } from '../plan/shares.ts';
import type { Gpu, HostAddress, HostFacts, PlanOptions, PythonEnvironment } from '../plan/request.ts';
import { type Runtime, runtimeFor } from '../plan/runtime.ts';
import { likelyEngine } from '../plan/choose-engine.ts';
import { isAlive } from '../process/identity.ts';
import { holderOf, type Listeners, listeningPorts } from '../process/ports.ts';
import { argumentBytes } from '../process/proc.ts';
import type { Profile } from '../profile/profile.ts';
import { findPythonEnvironment, mountedEnvironment } from '../python/find-environment.ts';
import type { StateFolders, Workspace } from '../run/folders.ts';
import { leasedGpus, leasedPorts, lesseeOf } from '../run/leases.ts';
import { deploymentEnvironment, infraFacts, type InfraQuestion } from './infra-facts.ts';
import { modelFact } from './model-facts.ts';
import { workingFolder } from '../package/platform.ts';
import { shippedFolder, simCommand } from '../package/self.ts';
import { type ComputeApp, computeApps } from '../gpu/nvidia-smi.ts';
import { gibText } from '../base/units.ts';
import { inventory } from '../gpu/inventory.ts';
import { factsOf } from '../process/facts.ts';
import { durationText } from '../base/duration.ts';

/** What the facts depend on besides the host. */
export interface FactRequest {
  readonly runId: string;
  /** Absent if no GPU will be used. */
  readonly profile?: Profile;
  /** Ports whose holder is shown to the user; determining it means a scan of /proc for each. */
  readonly ports: readonly number[];
  /** The listeners of this host, if they have been read already. */
  readonly listeners?: Listeners;
  readonly engine: PlanOptions['engine'] | 'none';
  /** Absent if nothing serves a model. */
  readonly options?: PlanOptions;
  /** The Python environment that the user named. */
  readonly python: string | undefined;
  readonly infra: InfraQuestion;
}

const noGpus: Awaited<ReturnType<typeof gpusHere>> = { gpus: [] };

/**
 * The `environment` in the facts is that of the deployment. Throws `environment` if the Python environment that the user named
 * has no Dynamo, or a secret is missing.
 */
export async function gatherFacts(
  { folders, environment: caller }: Workspace,
  request: FactRequest,
): Promise<HostFacts> {
  const { profile, listeners = listeningPorts() } = request;
  const environment = deploymentEnvironment(caller, request);
  const workspace = { folders, environment };
  const { gpus, problem } = profile === undefined ? noGpus : await gpusHere(workspace);
  const { options } = request;
  const runtime =
    profile === undefined || options === undefined
      ? undefined
      : runtimeFor(options, profile.device, { environment, gpus });
  const model = profile === undefined ? undefined : modelFact(profile.model, environment);
  return {
    ...placeFacts(environment),
    runId: request.runId,
    runFolder: join(folders.runs, request.runId),
    busyPorts: busyPorts(folders, request.ports, listeners),
    gpus,
    ...(problem === undefined ? {} : { gpuProblem: problem }),
    weightsMiB:
      profile !== undefined && gpus.length > 0
        ? modelWeightsMiB(model?.kind === 'here' ? model.path : profile.model, {
            ...environment,
            ...profile.env,
          })
        : undefined,
    model,
    ...(options !== undefined && spansHosts(options) ? { addresses: hostAddresses() } : {}),
    python:
      runtime === undefined ? await pythonFor(request, environment, gpus) : mountedPython(runtime, request),
    infra: await infraFacts(workspace, request.infra, [
      ...(runtime === undefined ? [] : [runtime.image]),
      ...(options?.grafana === true ? await observerImages(options, environment) : []),
    ]),
  };
}

async function observerImages(options: PlanOptions, environment: Environment): Promise<string[]> {
  const { observerReferences } = await import('./observe.ts');
  return observerReferences(options, environment);
}

/** Without link-local ones, which need the name of an interface. */
function hostAddresses(): HostAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.flatMap(({ address, internal, family, cidr }) =>
      internal || (family === 'IPv6' && address.startsWith('fe80:'))
        ? []
        : [{ address, interface: name, prefix: Number(cidr?.split('/')[1] ?? 0) }],
    ),
  );
}

/** Does not search for Python if it would not be used. */
async function pythonFor(
  { engine, python, profile, options }: FactRequest,
  environment: Environment,
  gpus: HostFacts['gpus'],
): Promise<PythonEnvironment | undefined> {
  const need = engine === 'none' ? undefined : likelyEngine(engine, profile?.device, gpus).python;
  if (need === undefined) return undefined;
  const further =
    options?.planner === undefined
      ? {}
      : { further: (await import('../engine/planner/need.ts')).plannerLack };
  return findPythonEnvironment({ environment, asked: python, backend: need.backend, ...further });
}

/** In containers, only one that the command line names: DYNAMO_PYTHON may be for processes. */
function mountedPython({ kind }: Runtime, { python }: FactRequest): PythonEnvironment | undefined {
  return kind.python === undefined || python === undefined ? undefined : mountedEnvironment(python);
}

/** Facts that do not depend on the host: enough for `plan` on platforms that cannot run anything. */
export function placeFacts(
  environment: Environment,
): Pick<HostFacts, 'environment' | 'cwd' | 'sim' | 'tokenizer' | 'argumentBytes'> {
  return {
    environment,
    cwd: workingFolder(),
    sim: simCommand(),
    tokenizer: join(shippedFolder(environment), 'assets', 'tokenizer'),
    argumentBytes: argumentBytes(),
  };
}

export function busyPorts(
  folders: StateFolders,
  wanted: readonly number[],
  listening: Listeners = listeningPorts(),
): Map<number, string> {
  const busy = new Map([...listening].map(([port]): [number, string] => [port, 'another process']));
  for (const port of wanted) {
    const inodes = listening.get(port);
    if (inodes !== undefined) busy.set(port, holderOf(inodes));
  }
  for (const [port, holder] of leasedPorts(folders, isAlive)) busy.set(port, holder);
  return busy;
}

/** The GPUs with the processes and runs that hold them, from two parallel queries. `problem`: why the list may be wrong. Never throws. */
export async function gpusHere({
  folders,
  environment,
}: Workspace): Promise<{ gpus: readonly Gpu[]; problem?: string }> {
  const [{ gpus, problem }, { apps }] = await Promise.all([inventory(environment), computeApps(environment)]);
  const held = gpus.map((gpu) => {
    const mine = apps.filter(({ gpuUuid }) => gpuUuid === gpu.uuid);
    return mine.length === 0 ? gpu : { ...gpu, heldBy: mine.map(holderText) };
  });
  return { gpus: withLeases(held, folders), ...(problem === undefined ? {} : { problem }) };
}

/** Adds the current leases, which may be newer than the list of GPUs. */
export function withLeases(gpus: readonly Gpu[], folders: StateFolders): Gpu[] {
  const leased = leasedGpus(folders, isAlive);
  return gpus.map((gpu) => {
    const lease = leased.get(gpu.uuid);
    return lease === undefined ? gpu : { ...gpu, leasedBy: lesseeOf(lease) };
  });
}

function holderText({ pid, name, usedMiB }: ComputeApp): string {
  const facts = factsOf(pid);
  const who =
    facts === undefined
      ? 'not of this pid namespace'
      : `${facts.user}, ${name ?? facts.command}, for ${durationText(facts.ageMs)}`;
  return `${gibText(usedMiB)} by pid ${pid} (${who})`;
}
