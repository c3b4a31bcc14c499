/** CPU time and memory of a process and its descendants, and how often the kernel killed processes for lack of memory. */
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import type { OwnedProcess } from './owned.ts';
import { tickMs } from './proc.ts';

export interface Usage {
  /** CPU time of all that are running now, in milliseconds. */
  readonly cpuMs: number;
  /** Memory; shared pages count in proportion. */
  readonly memoryBytes: number;
  readonly pids: readonly number[];
  /** Of the oldest, in milliseconds. */
  readonly ageMs: number;
}

/** By name in the plan. */
export function usageByProcess(living: readonly OwnedProcess[]): Map<string, Usage> {
  const all = new Map<string, Usage>();
  const uptimeMs = uptime() * 1000;
  for (const { process, pid, cpuMs, startTime } of living) {
    const before = all.get(process) ?? { cpuMs: 0, memoryBytes: 0, pids: [], ageMs: 0 };
    all.set(process, {
      cpuMs: before.cpuMs + cpuMs,
      memoryBytes: before.memoryBytes + memoryOf(pid),
      pids: [...before.pids, pid],
      ageMs: Math.max(before.ageMs, uptimeMs - Number(startTime) * tickMs),
    });
  }
  return all;
}

/** Proportional set size; resident set size if only that may be read. */
function memoryOf(pid: number): number {
  return kibibytes(`/proc/${pid}/smaps_rollup`, 'Pss') ?? kibibytes(`/proc/${pid}/status`, 'VmRSS') ?? 0;
}

function kibibytes(file: string, field: string): number | undefined {
  try {
    const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(file, 'utf8'));
    return found === null ? undefined : Number(found[1]) * 1024;
  } catch {
    return undefined;
  }
}

export interface KernelKills {
  /** In our control group; absent if it is not counted (the root group, cgroup v1 of old kernels). */
  readonly cgroup?: number | undefined;
  readonly host?: number | undefined;
}

/** Counts since boot, or since the group was created. An exit by SIGKILL alone does not show the cause. */
export function kernelKills(): KernelKills {
  return { cgroup: inCgroup(), host: counter('/proc/vmstat', 'oom_kill') };
}

export function killsSince(before: KernelKills): KernelKills {
  const now = kernelKills();
  return { cgroup: difference(now.cgroup, before.cgroup), host: difference(now.host, before.host) };
}

/** In a container with a cgroup namespace, our group appears as the root. */
function inCgroup(): number | undefined {
  const lines = read('/proc/self/cgroup')?.split('\n') ?? [];
  const v2 = lines.find((line) => line.startsWith('0::'))?.slice(3);
  const v1 = lines.find((line) => line.split(':')[1]?.split(',').includes('memory'))?.split(':')[2];
  const files = [
    ...(v2 === undefined ? [] : [`/sys/fs/cgroup${v2}/memory.events`, '/sys/fs/cgroup/memory.events']),
    ...(v1 === undefined
      ? []
      : [`/sys/fs/cgroup/memory${v1}/memory.oom_control`, '/sys/fs/cgroup/memory/memory.oom_control']),
  ];
  return files.map((file) => counter(file, 'oom_kill')).find((count) => count !== undefined);
}

function counter(file: string, name: string): number | undefined {
  const line = read(file)
    ?.split('\n')
    .find((each) => each.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

function difference(now: number | undefined, before: number | undefined): number | undefined {
  return now === undefined || before === undefined ? undefined : now - before;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
