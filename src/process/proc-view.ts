/** Whether /proc shows the processes of our own pid namespace: all that is known of processes stands on that. */
import { existsSync } from 'node:fs';
import { readText } from './proc.ts';

export interface ProcTrouble {
  readonly words: string;
  /** One command. */
  readonly fix: string;
}

/** `undefined` when all is well. Two small files; throws nothing. */
export function procTrouble(): ProcTrouble | undefined {
  const status = readText('/proc/self/status');
  if (status === undefined) {
    return existsSync('/proc/uptime') ? foreign('which does not show this process') : notMounted;
  }
  const pid = /^Pid:\s+(\d+)/m.exec(status)?.[1];
  // From the namespace of this /proc to ours, a number each: more than one where ours lies below. Source: proc(5).
  const numbers = /^NSpid:\s+(.+)$/m.exec(status)?.[1]?.trim().split(/\s+/) ?? [];
  if (pid !== String(process.pid) || numbers.length > 1) {
    return foreign(`where this process, ${process.pid}, is ${pid ?? 'unknown'}`);
  }
  // Missing where /proc was mounted with subset=pid.
  if (readText('/proc/sys/kernel/random/boot_id') !== undefined) return undefined;
  return {
    words:
      '/proc/sys/kernel/random/boot_id cannot be read: runs of this boot cannot be told from earlier ones',
    fix: 'grep " /proc " /proc/self/mounts   # without subset=pid',
  };
}

const notMounted: ProcTrouble = {
  words: '/proc is not mounted: processes cannot be told apart',
  fix: 'mount -t proc proc /proc',
};

function foreign(how: string): ProcTrouble {
  return {
    words: `/proc shows another pid namespace, ${how}: what is ours could not be found there`,
    fix: 'unshare --pid --fork --mount-proc …   # or here: mount -t proc proc /proc',
  };
}
