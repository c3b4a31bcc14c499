/** Answers questions of diagnosis rules about this host, on demand. */
import { statfsSync, statSync } from 'node:fs';
import type { Environment } from '../base/environment.ts';
import { hasAlarm } from '../infra/external-etcd.ts';
import type { Plan } from '../plan/plan.ts';
import type { GpuHolder, HostEvidence, HostQuestion } from '../doctor/rule.ts';
import { holderOf, listeningPorts } from '../process/ports.ts';
import { largestFile, writeTrouble } from '../process/room.ts';
import type { KernelKills } from '../process/usage.ts';
import { computeApps } from '../gpu/nvidia-smi.ts';
import { inventory } from '../gpu/inventory.ts';
import { factsOf } from '../process/facts.ts';
import { readVariable } from '../process/proc.ts';
import { durationText } from '../base/duration.ts';

/** Facts that cost nothing to determine. */
export function cheapEvidence(kills: KernelKills, plan: Plan): HostEvidence {
  const shm = sizeOfShm();
  const bytes = largestFile();
  return {
    kernelKills: kills,
    ...unwritable(plan.runFolder),
    ...(bytes === Infinity ? {} : { fileLimit: { bytes, reachedBy: fullLogs(plan, bytes) } }),
    ...(shm === undefined ? {} : { shm }),
  };
}

function unwritable(folder: string): Pick<HostEvidence, 'unwritable'> {
  const code = writeTrouble(folder);
  if (code === undefined) return {};
  try {
    const { bavail, bsize } = statfsSync(folder);
    return { unwritable: { code, folder, freeBytes: bavail * bsize } };
  } catch {
    return {};
  }
}

function fullLogs({ processes }: Plan, bytes: number): Set<string> {
  const full = processes.filter(
    ({ logFile }) => (statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) >= bytes,
  );
  return new Set(full.map(({ name }) => name));
}

export async function answerQuestions(
  known: HostEvidence,
  questions: readonly HostQuestion[],
  plan: Plan,
  environment: Environment,
): Promise<HostEvidence> {
  let host = known;
  for (const question of questions) {
    if (question.about === 'gpu-holders') host = { ...host, gpuHolders: await gpuHolders(environment) };
    else if (question.about === 'etcd-full')
      host = { ...host, etcdFull: await isEtcdFull(plan, environment) };
    else
      host = {
        ...host,
        portHolders: new Map([...(host.portHolders ?? []), [question.port, listenerOn(question.port)]]),
      };
  }
  return host;
}

/** Reads only. False if etcd does not answer. */
async function isEtcdFull({ infra }: Plan, environment: Environment): Promise<boolean> {
  const etcd = infra?.etcd;
  if (etcd === undefined) return false;
  const login = etcd.from === 'external' ? environment : {};
  return await hasAlarm('NOSPACE', etcd.addresses, login).catch(() => false);
}

function listenerOn(port: number): string | undefined {
  const inodes = listeningPorts().get(port);
  return inodes === undefined ? undefined : holderOf(inodes);
}

function sizeOfShm(): HostEvidence['shm'] {
  try {
    const { bavail, blocks, bsize } = statfsSync('/dev/shm');
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    return undefined;
  }
}

/** Which processes hold GPU memory now. Empty if nvidia-smi does not report it, as in some containers. Never throws. */
export async function gpuHolders(environment: Environment): Promise<GpuHolder[]> {
  const [{ gpus }, { apps }] = await Promise.all([inventory(environment), computeApps(environment)]);
  return apps.map(({ gpuUuid, pid, name, usedMiB }) => {
    const facts = factsOf(pid);
    const index = gpus.find(({ uuid }) => uuid === gpuUuid)?.index;
    return {
      pid,
      usedMiB,
      gpu: index === undefined ? [gpuUuid] : [gpuUuid, String(index)],
      what:
        facts === undefined
          ? (name ?? 'not of this pid namespace')
          : `${name ?? facts.command}, of ${facts.user}, for ${durationText(facts.ageMs)}`,
      run: facts === undefined ? undefined : readVariable(pid, 'DYNAMO_RUN_ID'),
    };
  });
}
