/**
 * A state folder that is full, read-only, or another user's: runs are still ended. Needs root, mount, umount,
 * fallocate and setpriv.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { keepers, killSupervision, processesOfRuns, send, supervisors } from '../../chaos/scene.ts';
import { dynamo, type Ended, executable, startCommand, succeed } from '../../e2e/harness/cli.ts';
import { onSim, up } from '../../e2e/harness/deployment.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { recordsOf } from '../../support/damage.ts';
import { until } from '../../support/until.ts';

const user = 65_534;

/** The state folder on a separate disk. */
function ownDisk(world: World): string {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=0700', 'none', world.state]);
  return world.state;
}

function fill(disk: string): void {
  const fallocate = (bytes: number): void =>
    void execFileSync('fallocate', ['-l', String(bytes), join(disk, `filler-${bytes}`)], { stdio: 'ignore' });
  for (let bytes = 4 * 2 ** 20; bytes >= 1; bytes = Math.floor(bytes / 2)) {
    try {
      fallocate(bytes);
    } catch {
      // then half of it
    }
  }
  expect(() => writeFileSync(join(disk, 'one more'), 'x'.repeat(8_192))).toThrow(/ENOSPC/);
}

const spoil = {
  full: fill,
  // Mounted over the disk that open files keep writable.
  'read-only': (disk: string) => {
    execFileSync('mount', ['--bind', disk, disk]);
    execFileSync('mount', ['-o', 'remount,ro,bind', disk]);
  },
};

function expectEnded({ code, stderr }: Ended, world: World): void {
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stderr).toContain('nothing is left');
  expect(processesOfRuns(world)).toEqual([]);
}

/** Runs the test, and then replaces the disk by a copy of the state for the oracle. */
async function onOwnDisk(world: World, play: (disk: string) => Promise<void>): Promise<void> {
  const disk = ownDisk(world);
  const copy = join(world.root, 'copy');
  try {
    await play(disk);
  } finally {
    for (const pid of processesOfRuns(world).map((each) => each.pid)) send(pid, 'SIGKILL');
    cpSync(disk, copy, { recursive: true, filter: (file) => !file.includes('filler') });
    while (isMounted(disk)) execFileSync('umount', ['-l', disk]);
  }
  cpSync(copy, disk, { recursive: true });
  rmSync(copy, { recursive: true });
  // Now removes what could not be removed.
  await succeed(world, ['clean']);
}

function isMounted(folder: string): boolean {
  return readFileSync('/proc/self/mounts', 'utf8').includes(` ${folder} `);
}

for (const [how, inflict] of Object.entries(spoil)) {
  test(`state disk ${how}: down ends a live run`, async ({ world }) => {
    await onOwnDisk(world, async (disk) => {
      await up(world, 'agg');
      inflict(disk);
      await succeed(world, ['ps']);
      expectEnded(await dynamo(world, ['down']), world);
    });
  });

  test(`state disk ${how}: the keeper ends what a killed supervisor left`, async ({ world }) => {
    await onOwnDisk(world, async (disk) => {
      await up(world, 'agg');
      inflict(disk);
      for (const pid of supervisors(world)) send(pid, 'SIGKILL');
      await until('all processes to be gone', () => processesOfRuns(world).length === 0);
      await until('the keeper to be gone', () => keepers(world).length === 0);
    });
  });

  test(`state disk ${how}: down ends what supervisor and keeper left`, async ({ world }) => {
    await onOwnDisk(world, async (disk) => {
      await up(world, 'agg');
      inflict(disk);
      await killSupervision(world);
      expectEnded(await dynamo(world, ['down']), world);
    });
  });
}

/** As a normal user, for whom file permissions matter. */
async function asUser(world: World, ...words: string[]): Promise<Ended> {
  const as = ['/usr/bin/setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups'];
  return await startCommand(world, [...as, process.execPath, executable, ...words]).ended;
}

function giveTo(world: World): void {
  execFileSync('chown', ['-R', `${user}:${user}`, world.root]);
}

test(
  'a record that the user cannot read is named, and the run is ended',
  { timeout: 120_000 },
  async ({ world }) => {
    giveTo(world);
    for (const record of [
      'run.json',
      'plan.json',
      'ledger.jsonl',
      'the claim on the name',
      'a lease on a port',
    ]) {
      const started = await asUser(world, 'up', 'agg', '--name', 'mine', '-d', '--json', ...(await onSim()));
      expect({ code: started.code, stderr: started.stderr }).toMatchObject({ code: 0 });
      const { runId } = JSON.parse(started.stdout) as { runId: string };
      const file = recordsOf(world.state, runId, 'mine')[record] ?? '';
      chmodSync(file, 0o000);
      const said = [await asUser(world, 'ps'), await asUser(world, 'clean', '--dry-run')];
      expect(said.map(({ code }) => code)).toEqual([0, 0]);
      expect(said.map(({ stdout, stderr }) => stdout + stderr).join('\n')).toContain(file.split('/').at(-1));
      const down = await asUser(world, 'down', runId);
      expect({ record, code: down.code, stderr: down.stderr }).toMatchObject({ code: 0 });
      expect(processesOfRuns(world), record).toEqual([]);
      expect(await asUser(world, 'clean')).toMatchObject({ code: 0 });
      if (existsSync(file) && (statSync(file).mode & 0o777) === 0) chmodSync(file, 0o600);
    }
  },
);

test('claims that root left in a user state folder count as held, and block nothing else', async ({
  world,
}) => {
  giveTo(world);
  expect(await asUser(world, 'up', 'agg', '--name', 'mine', '-d', ...(await onSim()))).toMatchObject({
    code: 0,
  });
  const at = (...words: string[]): string => join(world.state, 'dynamo', ...words);
  const lock = at('names', 'rooted');
  const roots = [lock, at('ports', '20123'), at('gpus', 'GPU-1')];
  for (const file of roots) writeFileSync(file, '{}', { mode: 0o600 });
  mkdirSync(join(world.root, 'root'), { mode: 0o700 });
  mkdirSync(at('runs', 'rooted-ab12'), { mode: 0o700 });
  writeFileSync(at('runs', 'rooted-ab12', 'run.json'), '{}', { mode: 0o600 });

  const second = await asUser(world, 'up', 'agg', '--name', 'u2', '-d', ...(await onSim()));
  expect({ code: second.code, stderr: second.stderr }).toMatchObject({ code: 0 });
  const named = await asUser(world, 'up', 'agg', '--name', 'rooted', '-d', ...(await onSim()));
  expect({ code: named.code, stderr: named.stderr }).toMatchObject({ code: 75 });
  expect(named.stderr).toContain(`${lock} cannot be read (this user may not read it)`);
  const shown = await asUser(world, 'ps');
  expect(shown).toMatchObject({ code: 0 });
  expect(shown.stdout + shown.stderr).toContain('rooted-ab12');
  for (const name of ['mine', 'u2']) expect(await asUser(world, 'down', name)).toMatchObject({ code: 0 });
  expect(processesOfRuns(world)).toEqual([]);
  expect(await asUser(world, 'clean')).toMatchObject({ code: 0 });
  // That run may be alive, as only root can tell; root acts for the user here.
  await succeed(world, ['clean'], { env: { XDG_RUNTIME_DIR: join(world.root, 'root') } });
  expect(roots.filter((file) => !existsSync(file))).toEqual([]);
  for (const file of [...roots, at('runs', 'rooted-ab12')]) rmSync(file, { recursive: true });
});
