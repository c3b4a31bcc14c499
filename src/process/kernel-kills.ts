/** How often the kernel ended processes for want of memory: an exit by SIGKILL alone does not tell. */
import { readFileSync } from 'node:fs';

export interface KernelKills {
  /** In our control group; absent where it does not count (the root group, cgroup v1 of old kernels). */
  readonly cgroup?: number | undefined;
  readonly host?: number | undefined;
}

/** Counts since boot, or since the group was made. */
export function kernelKills(): KernelKills {
  return { cgroup: inCgroup(), host: counter('/proc/vmstat', 'oom_kill') };
}

export function killsSince(before: KernelKills): KernelKills {
  const now = kernelKills();
  return { cgroup: difference(now.cgroup, before.cgroup), host: difference(now.host, before.host) };
}

/** In a container with a namespace for control groups, ours is the root that it sees. */
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
