/** Control groups: if this user may create them, a process and all its descendants can be found and killed reliably. */
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Where the control groups of a run are created: below our own group. `undefined` if that was not delegated to us, or is
 * not cgroup v2.
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
 * A group for one process, which joins it before it runs. `undefined` if it cannot be created, or if this kernel (before
 * 5.14) cannot kill a whole group.
 */
export async function cgroupFor(run: string | undefined, process: string): Promise<string | undefined> {
  if (run === undefined) return undefined;
  const folder = join(run, process);
  try {
    // The kernel may take milliseconds; other processes start meanwhile.
    await mkdir(folder, { recursive: true });
    if (existsSync(join(folder, 'cgroup.kill'))) return folder;
    removeCgroup(run);
  } catch {
    // Not permitted, or too many groups.
  }
  return undefined;
}

/** Whether this group or one below it has members; true if unknown. */
export function isPopulated(folder: string): boolean {
  try {
    return !/^populated 0$/m.test(readFileSync(join(folder, 'cgroup.events'), 'utf8'));
  } catch {
    return true;
  }
}

/** Pids of the living processes in the group; none if it is gone. */
export function cgroupMembers(folder: string): number[] {
  try {
    return readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Sends SIGKILL to all members at once, so that none can escape by forking. */
export function killCgroup(folder: string): void {
  try {
    writeFileSync(join(folder, 'cgroup.kill'), '1');
  } catch {
    // The group is already gone; remaining processes are found one by one.
  }
}

/** Removes the group of a run and those of its processes; groups with members stay. */
export function removeCgroup(run: string): void {
  try {
    for (const { name } of readdirSync(run, { withFileTypes: true }).filter((each) => each.isDirectory()))
      rmdirSync(join(run, name));
    rmdirSync(run);
  } catch {
    // It was never created, or is in use.
  }
}

/** A group that was just created is still empty, and its supervisor may run where we cannot see its pid. */
const abandonedMs = 60_000;

/**
 * Removes the empty groups of runs whose records are gone, so that no ledger names them: below our own group, with the pid
 * of a supervisor that has died, and older than a minute. Never throws.
 */
export function removeAbandonedCgroups(): void {
  try {
    const own = ownCgroup();
    if (own === undefined) return;
    for (const name of readdirSync(own)) {
      const pid = /^dynamo-.+-(\d+)$/.exec(name)?.[1];
      const folder = join(own, name);
      if (pid === undefined || existsSync(`/proc/${pid}`) || isPopulated(folder)) continue;
      if (Date.now() - statSync(folder).mtimeMs > abandonedMs) removeCgroup(folder);
    }
  } catch {
    // Another process was faster.
  }
}

/** The folder of our own group, if it was delegated to us. */
function ownCgroup(): string | undefined {
  const path = /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
  const mount = /^\S+ (\/\S*) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8'))?.[1];
  if (path === undefined || mount === undefined) return undefined;
  // Root may write everywhere, but the groups of systemd's units belong to systemd alone.
  if (process.getuid?.() === 0 && /\.(?:slice|scope|service)(?:\/|$)/.test(path)) return undefined;
  const folder = join(mount, path);
  // Moving a process requires write access to the common parent of both groups.
  accessSync(join(folder, 'cgroup.procs'), constants.W_OK);
  return folder;
}
