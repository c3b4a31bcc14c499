/** Answers what rules of diagnosis ask about this host, when they ask. */
import { statfsSync } from 'node:fs';
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
): Promise<HostEvidence> {
  let host = known;
  for (const question of questions) {
    if (question.about === 'gpu-holders') host = { ...host, gpuHolders: await gpuHolders() };
    else
      host = {
        ...host,
        portHolders: new Map([...(host.portHolders ?? []), [question.port, listenerOn(question.port)]]),
      };
  }
  return host;
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
