/** Damage to the surroundings of a run: its records and folders, the disk, and the caller's variables. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { World } from '../e2e/harness/world.ts';
import type { Random } from './random.ts';
import { runFolders } from './scene.ts';

/** The ledger is excluded: without it, supervisor and keeper, nothing could be proven. */
const records = ['run.json', 'plan.json', 'events.jsonl', 'keeper.json'];

const damages: Readonly<Record<string, (file: string) => void>> = {
  truncate: (file) => truncateSync(file, Math.floor(readFileSync(file).length / 2)),
  empty: (file) => truncateSync(file, 0),
  garble: (file) => writeFileSync(file, '\0{"version":99,"pid":"\u{1F600}"}\n[['),
  remove: (file) => rmSync(file),
  'make a folder of': (file) => {
    rmSync(file);
    mkdirSync(file);
  },
  'make a pipe of': (file) => {
    rmSync(file);
    execFileSync('mkfifo', [file]);
  },
};

/** Returns a description of what it did. A file that is being written may be gone. */
export function damageRecord(world: World, random: Random): string {
  const files = runFolders(world)
    .flatMap((folder) => records.map((name) => join(folder, name)))
    .filter((file) => existsSync(file));
  if (files.length === 0) return 'no record yet';
  const [file, how] = [random.pick(files), random.pick(Object.keys(damages))];
  try {
    damages[how]?.(file);
  } catch {
    return `${how} ${file}: too late`;
  }
  return `${how} ${file.split('/').slice(-2).join('/')}`;
}

export function removeRunFolder(world: World, random: Random): string {
  const folders = runFolders(world);
  if (folders.length === 0) return 'no run yet';
  const folder = random.pick(folders);
  // At once, because its supervisor would write there again meanwhile.
  const gone = join(world.state, `gone-${folder.split('/').at(-1)}-${random.below(1e9)}`);
  renameSync(folder, gone);
  rmSync(gone, { recursive: true });
  return `rm -r ${folder.split('/').at(-1)}`;
}

export function removeSocketFolder({ runtime }: World): string {
  for (const name of readdirSync(runtime)) rmSync(join(runtime, name), { recursive: true, force: true });
  return 'rm -r of the folder for sockets';
}

/** A state folder on a separate disk that is small enough to fill. Needs root. */
export function mountSmallDisk({ state }: World): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=700', 'tmpfs', state]);
}

export function unmountSmallDisk({ state }: World): void {
  execFileSync('umount', ['--lazy', state]);
}

/** Leaves no free byte. */
export function fillDisk({ state }: World): string {
  const { bavail, bsize } = statfsSync(state);
  try {
    writeFileSync(join(state, 'filler'), Buffer.alloc(bavail * bsize + bsize));
  } catch {
    // expected at the end
  }
  return 'the disk is full';
}

export function freeDisk({ state }: World): void {
  rmSync(join(state, 'filler'), { force: true });
}
