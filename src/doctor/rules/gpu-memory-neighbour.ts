/** GPU memory was taken by somebody else: SGLang's own advice, to raise its share, misleads then. */
import { askHolders, holderText, measuredWeights, noRoomForCache, outOfMemory } from '../gpu-memory.ts';
import type { Finding, GpuHolder, Rule, Situation } from '../rule.ts';

/** Less than this is the CUDA context of somebody idle. */
const leastMiB = 2_048;

export const gpuMemoryNeighbour: Rule = {
  id: 'gpu-memory-neighbour',
  check: 'D04',
  kind: 'cause',
  sees: 'CUDA out of memory, or no room for the KV cache, while another process holds the memory',
  fixes: '`--gpus` with a free GPU, or end the process that is named',
  find: (situation) => fromPyTorch(situation) ?? fromSglang(situation),
};

/** PyTorch names the other processes on the GPU itself. */
function fromPyTorch(situation: Situation): Finding | undefined {
  const oom = outOfMemory(situation);
  const biggest = oom?.others.toSorted((a, b) => b.gib - a.gib)[0];
  if (oom?.ownGiB === undefined || biggest === undefined || biggest.gib <= oom.ownGiB) return undefined;
  const { gpuHolders } = situation.host;
  const who = holderText(biggest.pid, gpuHolders);
  return {
    cause: `${gpuName(situation, oom.gpu)} is full: ${who} holds ${biggest.gib.toFixed(1)} of its ${oom.totalGiB.toFixed(1)} GiB`,
    evidence: [oom.line],
    fix: fixFor(gpuHolders?.find(({ pid }) => pid === biggest.pid)),
    asks: gpuHolders === undefined ? askHolders : undefined,
  };
}

/**
 * SGLang measures what is free on the card before and after loading, so what a neighbour takes meanwhile counts as its
 * own weights. Source: docs/upstream/memory-and-gpus.md#too-little-memory.
 */
function fromSglang(situation: Situation): Finding | undefined {
  const { subject, others, host } = situation;
  const noRoom = noRoomForCache(situation);
  if (noRoom === undefined || subject === undefined) return undefined;
  const mine = measuredWeights(subject.lines);
  const evidence = [...(mine === undefined ? [] : [mine.line]), noRoom.line];
  const twin = others.find(({ spec }) => spec.gpus.some((gpu) => subject.spec.gpus.includes(gpu)));
  const its = twin === undefined ? undefined : measuredWeights(twin.lines);
  if (twin !== undefined && mine !== undefined && its?.type === mine.type && mine.usedGb > 2 * its.usedGb) {
    return {
      cause: `${twin.spec.name} took the memory of GPU ${subject.spec.gpus.join(',')} at the same time: the same weights took ${its.usedGb} GB there and seemed to take ${mine.usedGb} GB here`,
      evidence,
      fix: `--set components.${subject.spec.component}.dependsOn.${twin.spec.component}=ready   # one after the other, each with its own staticFraction`,
    };
  }
  if (host.gpuHolders === undefined) return undefined;
  const [stranger] = host.gpuHolders
    .filter(
      ({ gpu, run }) => run !== situation.plan.runId && gpu.some((one) => subject.spec.gpus.includes(one)),
    )
    .toSorted((a, b) => (b.usedMiB ?? 0) - (a.usedMiB ?? 0));
  if (stranger?.usedMiB === undefined || stranger.usedMiB < leastMiB) return undefined;
  return {
    cause: `${holderText(stranger.pid, host.gpuHolders)} holds ${(stranger.usedMiB / 1024).toFixed(1)} GiB of the GPU, so nothing is left for the KV cache`,
    evidence,
    fix: fixFor(stranger),
  };
}

function gpuName({ subject }: Situation, index: string): string {
  const real = subject?.spec.gpus[Number(index)];
  return `GPU ${real ?? index}`;
}

function fixFor(holder: GpuHolder | undefined): string {
  if (holder?.run !== undefined) return `dynamo down ${holder.run}`;
  return 'dynamo doctor --only D04   # shows who holds what; then --gpus with a free GPU, or end that process';
}
