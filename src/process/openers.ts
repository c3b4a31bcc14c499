/** Finds processes by the files that they have open. */
import { readdirSync, readlinkSync } from 'node:fs';
import { livingProcesses } from './proc.ts';

export interface Openers {
  readonly openers: ReadonlySet<number>;
  /** Processes of other users, which may have it open. */
  readonly unreadable: ReadonlySet<number>;
}

/** Living processes with a file open whose path `matches`. */
export function openersOf(matches: (path: string) => boolean): Openers {
  const [openers, unreadable] = [new Set<number>(), new Set<number>()];
  for (const { pid } of livingProcesses()) {
    const paths = openPaths(pid);
    if (paths === undefined) unreadable.add(pid);
    else if (paths.some(matches)) openers.add(pid);
  }
  return { openers, unreadable };
}

/** `undefined` when it may not be seen. */
function openPaths(pid: number): string[] | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => linkOf(`/proc/${pid}/fd/${descriptor}`));
  } catch {
    return undefined;
  }
}

function linkOf(path: string): string[] {
  try {
    return [readlinkSync(path)];
  } catch {
    return []; // closed meanwhile
  }
}
