/** Reads what PyTorch and SGLang write when GPU memory does not suffice. */
import { type Found, lastLine, seen } from './log-lines.ts';
import type { GpuHolder, HostQuestion, Situation } from './rule.ts';

export const askHolders: readonly HostQuestion[] = [{ about: 'gpu-holders' }];

export interface OutOfMemory {
  readonly line: string;
  /** As the process counts, after CUDA_VISIBLE_DEVICES. */
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
export function outOfMemory(situation: Situation): OutOfMemory | undefined {
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

/** Where loading was when memory ran out, as SGLang tells it. */
export function loadPhase({ subject }: Situation): 'weights' | 'graphs' | 'serving' | undefined {
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

/** The sentence of SGLang that the KV cache has no room, and what it advises. */
export function noRoomForCache(situation: Situation): (Found & { readonly above?: number }) | undefined {
  const found = seen(
    situation,
    /(?:leave no GPU memory for the KV cache under --mem-fraction-static=[\d.]+\. Raise --mem-fraction-static above ([\d.]+)|Not enough memory\. Please try to increase --mem-fraction-static)/,
  );
  if (found === undefined) return undefined;
  const above = Number(found.groups[0]);
  return found.groups[0] ? { ...found, above } : found;
}

/** What SGLang measured around the loading of weights, in its GB. */
export function measuredWeights(
  lines: readonly string[],
): { line: string; type: string; usedGb: number } | undefined {
  const found = lastLine(lines, /Load weight end\..* type=([\w.]+),.* mem usage=([\d.]+) GB/);
  if (found === undefined) return undefined;
  const [type = '', used = ''] = found.groups;
  return { line: found.line, type, usedGb: Number(used) };
}

export function holderText(pid: number, holders: readonly GpuHolder[] | undefined): string {
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

/** PyTorch goes on with general advice that helps nobody here. */
function shortened(line: string): string {
  const end = line.indexOf(' Of the allocated memory');
  return end === -1 ? line : line.slice(0, end);
}

/** ` (1.2 of 79.1 GiB were this worker's own)`, where that is known. */
export function ownText({ ownGiB, totalGiB }: OutOfMemory): string {
  return ownGiB === undefined
    ? ''
    : ` (${ownGiB.toFixed(1)} of ${totalGiB.toFixed(1)} GiB were this worker's own)`;
}
