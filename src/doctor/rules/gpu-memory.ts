/** GPU memory ran out: which process used it and when, from the logs of PyTorch and SGLang. */
import { type Found, lastLine, lineRule, seen } from '../log-lines.ts';
import type { Finding, GpuHolder, HostQuestion, Rule, Situation } from '../rule.ts';

/** Less than this is the CUDA context of an idle process. */
const leastMiB = 2_048;

/** Another process used the GPU memory: then SGLang's own advice, to raise its share, is misleading. */
export const gpuMemoryNeighbour: Rule = {
  id: 'gpu-memory-neighbour',
  check: 'D04',
  kind: 'cause',
  sees: 'CUDA out of memory, or no room for the KV cache, while another process uses the memory',
  fixes: '`--gpus` with a free GPU, or end the named process',
  find: (situation) => fromPyTorch(situation) ?? fromSglang(situation),
};

/** PyTorch lists the other processes on the GPU. */
function fromPyTorch(situation: Situation): Finding | undefined {
  const oom = outOfMemory(situation);
  const biggest = oom?.others.toSorted((a, b) => b.gib - a.gib)[0];
  if (oom?.ownGiB === undefined || biggest === undefined || biggest.gib <= oom.ownGiB) return undefined;
  const { gpuHolders } = situation.host;
  const who = holderText(biggest.pid, gpuHolders);
  return {
    cause: `${gpuName(situation, oom.gpu)} is full: ${who} uses ${biggest.gib.toFixed(1)} of its ${oom.totalGiB.toFixed(1)} GiB`,
    evidence: [oom.line],
    fix: neighbourFix(gpuHolders?.find(({ pid }) => pid === biggest.pid)),
    asks: gpuHolders === undefined ? askHolders : undefined,
  };
}

/**
 * SGLang measures free GPU memory before and after loading, so memory that another process allocates in between counts as
 * its own weights. Source: docs/upstream/memory-and-gpus.md#too-little-memory.
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
      cause: `${twin.spec.name} loaded on GPU ${subject.spec.gpus.join(',')} at the same time: the same weights took ${its.usedGb} GB there and appeared to take ${mine.usedGb} GB here`,
      evidence,
      fix: `--set components.${subject.spec.component}.dependsOn.${twin.spec.component}=ready   # one after the other, each with its own staticFraction`,
    };
  }
  if (host.gpuHolders === undefined) return undefined;
  const [neighbour] = host.gpuHolders
    .filter(
      ({ gpu, run }) => run !== situation.plan.runId && gpu.some((one) => subject.spec.gpus.includes(one)),
    )
    .toSorted((a, b) => (b.usedMiB ?? 0) - (a.usedMiB ?? 0));
  if (neighbour?.usedMiB === undefined || neighbour.usedMiB < leastMiB) return undefined;
  return {
    cause: `${holderText(neighbour.pid, host.gpuHolders)} uses ${(neighbour.usedMiB / 1024).toFixed(1)} GiB of the GPU, so nothing is left for the KV cache`,
    evidence,
    fix: neighbourFix(neighbour),
  };
}

function gpuName({ subject }: Situation, index: string): string {
  const real = subject?.spec.gpus[Number(index)];
  return `GPU ${real ?? index}`;
}

function neighbourFix(holder: GpuHolder | undefined): string {
  if (holder?.run !== undefined) return `dynamo down ${holder.run}`;
  return 'dynamo doctor --only D04   # shows who holds what; then --gpus with a free GPU, or end that process';
}

/** GPU memory ran out while CUDA graphs were captured: weights and KV cache used all of it. */
export const gpuMemoryGraphs: Rule = {
  id: 'gpu-memory-graphs',
  check: 'D04',
  kind: 'cause',
  sees: '`Capture cuda graph failed: CUDA out of memory`',
  fixes: 'a smaller `memory.staticFraction`',
  find: (situation) => {
    const oom = outOfMemory(situation);
    const failed = seen(situation, /[Cc]apture cuda graph failed: .*out of memory/);
    if (oom === undefined || situation.subject === undefined) return undefined;
    if (failed === undefined && loadPhase(situation) !== 'graphs') return undefined;
    return {
      cause: `GPU memory ran out while CUDA graphs were captured: the KV cache left too little${ownText(oom)}`,
      evidence: [oom.line],
      fix: `--set components.${situation.subject.spec.component}.memory.staticFraction=0.7`,
    };
  },
};

/** A share above this leaves no room for activations and CUDA graphs. */
const highestShare = 0.95;

/** The weights fit, but SGLang's share of memory leaves nothing for the KV cache. */
export const gpuMemoryKvCache: Rule = {
  id: 'gpu-memory-kv-cache',
  check: 'D04',
  kind: 'cause',
  sees: 'no GPU memory for the KV cache under `--mem-fraction-static`, with no other process on the GPU',
  fixes: '`memory.staticFraction` above the value in the log, or more GPUs for the worker',
  find: (situation) => {
    const found = noRoomForCache(situation);
    const { subject, host } = situation;
    if (found === undefined || subject === undefined) return undefined;
    const { component } = subject.spec;
    const share = found.above === undefined ? undefined : Math.ceil(found.above * 100 + 5) / 100;
    const enough = share !== undefined && share <= highestShare;
    return {
      cause: enough
        ? `the share of GPU memory for ${subject.spec.name} is enough for the weights but not for a KV cache: it needs more than ${found.above}`
        : `the model leaves no room for a KV cache on the GPU of ${subject.spec.name}`,
      evidence: [found.line],
      fix: enough
        ? `--set components.${component}.memory.staticFraction=${share}`
        : `--set components.${component}.gpus=${subject.spec.gpus.length + 1}   # or a smaller or quantised model`,
      asks: host.gpuHolders === undefined ? askHolders : undefined,
    };
  },
};

/** The model's weights do not fit on the GPU. */
export const gpuMemoryWeights: Rule = {
  id: 'gpu-memory-weights',
  check: 'D04',
  kind: 'cause',
  sees: 'CUDA out of memory between `Load weight begin` and `Load weight end`, with no other process on the GPU',
  fixes: 'more GPUs for the worker (`components.X.gpus`), or a smaller or quantised model',
  find: (situation) => {
    const oom = outOfMemory(situation);
    if (oom === undefined || situation.subject === undefined || loadPhase(situation) !== 'weights')
      return undefined;
    const { component, gpus } = situation.subject.spec;
    return {
      cause: `the weights of ${situation.serving?.model.path} do not fit into the ${oom.totalGiB.toFixed(1)} GiB of the GPU`,
      evidence: [oom.line],
      fix: `--set components.${component}.gpus=${Math.max(2, gpus.length * 2)}   # or a smaller or quantised model`,
    };
  },
};

/** GPU memory ran out after loading: requests need more than the KV cache left. */
export const gpuMemoryRequests: Rule = {
  id: 'gpu-memory-requests',
  check: 'D04',
  kind: 'cause',
  sees: 'CUDA out of memory at any other time',
  fixes: 'a smaller `memory.staticFraction`, which leaves more for requests',
  find: (situation) => {
    const oom = outOfMemory(situation);
    if (oom === undefined || situation.subject === undefined) return undefined;
    return {
      cause: `GPU memory ran out after weights and KV cache were allocated${ownText(oom)}`,
      evidence: [oom.line],
      fix: `--set components.${situation.subject.spec.component}.memory.staticFraction=0.7`,
    };
  },
};

const askHolders: readonly HostQuestion[] = [{ about: 'gpu-holders' }];

interface OutOfMemory {
  readonly line: string;
  /** The process's own index, after CUDA_VISIBLE_DEVICES. */
  readonly gpu: string;
  readonly totalGiB: number;
  /**
   * Absent where the driver knows this process by another pid than it does itself, as in containers: then "Process N"
   * may be itself, and says nothing about a neighbour.
   */
  readonly ownGiB?: number;
  readonly others: readonly { readonly pid: number; readonly gib: number }[];
}

/** SGLang 0.5.16 with torch 2.11. Source: docs/upstream/memory-and-gpus.md#too-little-memory; test/fixtures/logs. */
function outOfMemory(situation: Situation): OutOfMemory | undefined {
  const found = seen(situation, /CUDA out of memory\. Tried to allocate/);
  if (found === undefined) return undefined;
  const { line } = found;
  const own = /this process has ([\d.]+ \w+) memory in use/.exec(line)?.[1];
  const others = [...line.matchAll(/Process (\d+) has ([\d.]+ \w+) memory in use/g)];
  return {
    line: shortened(line),
    gpu: /GPU (\d+) has a total/.exec(line)?.[1] ?? '0',
    totalGiB: gibOf(/total capacity of ([\d.]+ \w+)/.exec(line)?.[1]),
    ...(own === undefined ? {} : { ownGiB: gibOf(own) }),
    others: others.map(([, pid, size]) => ({ pid: Number(pid), gib: gibOf(size) })),
  };
}

/** The phase of loading in which memory ran out, from SGLang's log. */
function loadPhase({ subject }: Situation): 'weights' | 'graphs' | 'serving' | undefined {
  const lines = subject?.lines ?? [];
  const at = (pattern: RegExp): number => lines.findLastIndex((line) => pattern.test(line));
  const [weights, loaded] = [at(/Load weight begin/), at(/Load weight end/)];
  if (weights > loaded) return 'weights';
  const [graphs, captured] = [
    at(/[Cc]apture .*(cuda|CUDA) graph begin/),
    at(/[Cc]apture .*(cuda|CUDA) graph end/),
  ];
  if (graphs > captured) return 'graphs';
  return loaded === -1 ? undefined : 'serving';
}

/** SGLang's message that there is no memory for the KV cache, with its advice. */
function noRoomForCache(situation: Situation): (Found & { readonly above?: number }) | undefined {
  const found = seen(
    situation,
    /(?:leave no GPU memory for the KV cache under --mem-fraction-static=[\d.]+\. Raise --mem-fraction-static above ([\d.]+)|Not enough memory\. Please try to increase --mem-fraction-static)/,
  );
  if (found === undefined) return undefined;
  const above = Number(found.groups[0]);
  return found.groups[0] ? { ...found, above } : found;
}

/** What SGLang measured around the loading of weights, in its GB. */
function measuredWeights(
  lines: readonly string[],
): { line: string; type: string; usedGb: number } | undefined {
  const found = lastLine(lines, /Load weight end\..* type=([\w.]+),.* mem usage=([\d.]+) GB/);
  if (found === undefined) return undefined;
  const [type = '', used = ''] = found.groups;
  return { line: found.line, type, usedGb: Number(used) };
}

function holderText(pid: number, holders: readonly GpuHolder[] | undefined): string {
  const holder = holders?.find((each) => each.pid === pid);
  return holder === undefined ? `process ${pid}` : `process ${pid} (${holder.what})`;
}

/** GiB of a size as PyTorch writes it: `28.75 MiB`. */
function gibOf(size: string | undefined): number {
  const [amount = '0', unit = 'GiB'] = (size ?? '').split(' ');
  const perGiB: Readonly<Record<string, number>> = {
    bytes: 1024 ** 3,
    KiB: 1024 ** 2,
    MiB: 1024,
    GiB: 1,
    TiB: 1 / 1024,
  };
  return Number(amount) / (perGiB[unit] ?? 1);
}

/** PyTorch appends general advice that does not help here. */
function shortened(line: string): string {
  const end = line.indexOf(' Of the allocated memory');
  return end === -1 ? line : line.slice(0, end);
}

/** ` (1.2 of 79.1 GiB were this worker's own)`, if known. */
function ownText({ ownGiB, totalGiB }: OutOfMemory): string {
  return ownGiB === undefined
    ? ''
    : ` (${ownGiB.toFixed(1)} of ${totalGiB.toFixed(1)} GiB were this worker's own)`;
}

/** Its own books of the KV cache do not add up. Seen with SGLang 0.5.16: a diffusion language model with eight requests at once. */
export const poolLeak = lineRule(
  {
    id: 'pool-leak',
    sees: '`ValueError: pool memory leak detected!`',
    fixes: '`--env SGLANG_ENABLE_STRICT_MEM_CHECK_DURING_IDLE=false`, which makes it a warning',
  },
  /ValueError: \w+ memory leak detected! .*total=(\d+), available=(\d+), evictable=(\d+)/,
  ({ groups }) => {
    const [total = 0, available = 0, evictable = 0] = groups.map(Number);
    return {
      cause: `SGLang lost count of ${total - available - evictable} of the ${total} tokens of its KV cache, and ends itself for that`,
      fix: '--env SGLANG_ENABLE_STRICT_MEM_CHECK_DURING_IDLE=false   # goes on, with a warning',
    };
  },
);
