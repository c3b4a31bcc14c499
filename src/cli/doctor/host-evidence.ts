/** Answers what rules of diagnosis ask about this host, when they ask. */
import { statfsSync } from 'node:fs';
import { hasAlarm } from '../../infra/etcd-alarm.ts';
import type { Plan } from '../../plan/plan.ts';
import type { HostEvidence, HostQuestion } from '../../doctor/rule.ts';
import { holderOf, listeningPorts } from '../../process/listeners.ts';
import type { KernelKills } from '../../process/kernel-kills.ts';
import { gpuHolders } from '../clean/gpu-holders.ts';

/** What costs nothing to know. */
export function cheapEvidence(kills: KernelKills): HostEvidence {
  const shm = sizeOfShm();
  return { kernelKills: kills, ...(shm === undefined ? {} : { shm }) };
}

export async function answerQuestions(
  known: HostEvidence,
  questions: readonly HostQuestion[],
  plan: Plan,
): Promise<HostEvidence> {
  let host = known;
  for (const question of questions) {
    if (question.about === 'gpu-holders') host = { ...host, gpuHolders: await gpuHolders() };
    else if (question.about === 'etcd-full') host = { ...host, etcdFull: await isEtcdFull(plan) };
    else
      host = {
        ...host,
        portHolders: new Map([...(host.portHolders ?? []), [question.port, listenerOn(question.port)]]),
      };
  }
  return host;
}

/** Reads only. One that does not answer is not known to be full. */
async function isEtcdFull({ discovery, infra }: Plan): Promise<boolean> {
  if (discovery.backend !== 'etcd') return false;
  const environment = infra?.etcd?.from === 'external' ? process.env : {};
  return await hasAlarm('NOSPACE', discovery.endpoints, environment).catch(() => false);
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
