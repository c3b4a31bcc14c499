/** Control groups: where the user may make some, a process and all that come from it can be found and ended for certain. */
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Where the groups of a run's processes will be made: below the one that we are in. `undefined` where that was not
 * delegated to us, or is no cgroup v2.
 */
export function cgroupOfRun(runId: string): string | undefined {
  try {
    const own = ownCgroup();
    return own === undefined ? undefined : join(own, `dynamo-${runId}`);
  } catch {
    return undefined;
  }
}

/**
 * A group for one process, which joins it before it runs. `undefined` when it cannot be made, or when this kernel
 * (before 5.14) cannot end a group as a whole.
 */
export async function cgroupFor(run: string | undefined, process: string): Promise<string | undefined> {
  if (run === undefined) return undefined;
  const folder = join(run, process);
  try {
    // The kernel takes milliseconds for each; others are started meanwhile.
    await mkdir(folder, { recursive: true });
    if (existsSync(join(folder, 'cgroup.kill'))) return folder;
    removeCgroup(run);
  } catch {
    // No right to, or too many.
  }
  return undefined;
}

/** Whether anybody is in this group or in one below it; true when that cannot be told. */
export function isPopulated(folder: string): boolean {
  try {
    return !/^populated 0$/m.test(readFileSync(join(folder, 'cgroup.events'), 'utf8'));
  } catch {
    return true;
  }
}

/** Pids in the group, those of dead ones not; none when it is gone. */
export function cgroupMembers(folder: string): number[] {
  try {
    return readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** SIGKILL for all members at one moment: nobody can fork away. */
export function killCgroup(folder: string): void {
  try {
    writeFileSync(join(folder, 'cgroup.kill'), '1');
  } catch {
    // It is gone already; whoever is left is found one by one.
  }
}

/** Removes the group of a run with those of its processes; what somebody is in stays. */
export function removeCgroup(run: string): void {
  try {
    for (const { name } of readdirSync(run, { withFileTypes: true }).filter((each) => each.isDirectory()))
      rmdirSync(join(run, name));
    rmdirSync(run);
  } catch {
    // It was never made, or is in use.
  }
}

/** The folder of the group that we are in, if it was given to us to divide. */
function ownCgroup(): string | undefined {
  const path = /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
  const mount = /^\S+ (\/\S*) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8'))?.[1];
  if (path === undefined || mount === undefined) return undefined;
  // Root may write everywhere, but what belongs to systemd's units is systemd's alone.
  if (process.getuid?.() === 0 && /\.(?:slice|scope|service)(?:\/|$)/.test(path)) return undefined;
  const folder = join(mount, path);
  // Who moves a process must be allowed to write in the group above both.
  accessSync(join(folder, 'cgroup.procs'), constants.W_OK);
  return folder;
}
