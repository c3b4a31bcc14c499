/** Unusual environments: each is reported with a message and exit code, nothing hangs, and nothing is left. */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { mayRun } from '../support/may-run.ts';
import { type Ended, executable, startCommand } from './harness/cli.ts';
import { faulty, onSim } from './harness/deployment.ts';
import { test, type World } from './harness/world.ts';

const unshare = '/usr/bin/unshare';
const setpriv = '/usr/bin/setpriv';
const asRoot = mayRun(process.getuid?.() === 0 && existsSync(unshare) && existsSync(setpriv));

/**
 * Runs a bash script in which `dynamo` is the built command line, and `$sim` the arguments for the embedded engine.
 */
async function play(world: World, script: string, before: readonly string[] = []): Promise<Ended> {
  const sim = (await onSim()).join(' ');
  const preface = `dynamo() { ${process.execPath} ${executable} "$@"; }; sim='${sim}'`;
  const argv = [...before, '/bin/bash', '-c', `${preface}; ${script}`];
  // Tools of the host that the test environment lacks, such as mount.
  return await startCommand(world, argv, { env: { PATH: `${world.bin}:/usr/bin:/bin:/usr/sbin:/sbin` } })
    .ended;
}

/** No stack trace is shown. */
function expectSaid({ code, stdout, stderr }: Ended, wanted: number, words: RegExp): void {
  expect([code, stderr], stdout).toEqual([wanted, expect.stringMatching(words)]);
  expect(stderr).toMatch(/^fix: \S/m);
  expect(stderr + stdout).not.toMatch(/^\s+at \S+ \(|This is a bug/m);
}

test('in a removed working directory, commands that need it say so and others work', async ({ world }) => {
  const gone = join(world.root, 'gone');
  for (const verb of ['up agg $sim', 'plan agg $sim', 'exec agg $sim -- true', 'smoke agg $sim']) {
    mkdirSync(gone);
    const ended = await play(world, `cd ${gone} && rmdir ${gone} && dynamo ${verb}`);
    expectSaid(ended, 78, /^error: The working folder no longer exists\.$/m);
  }
  mkdirSync(gone);
  const { code, stderr } = await play(
    world,
    `dynamo up agg $sim --detach && cd ${gone} && rmdir ${gone} && dynamo ps && dynamo doctor --only limits && dynamo down`,
  );
  expect([code, stderr]).toEqual([0, expect.stringContaining('is down: nothing is left')]);
});

test('an unreadable working directory is not a problem', async ({ world }) => {
  const closed = join(world.root, 'closed');
  mkdirSync(closed);
  const { code, stderr } = await play(
    world,
    `cd ${closed} && chmod 000 . && dynamo up agg $sim --detach && dynamo down`,
  );
  rmdirSync(closed);
  expect([code, stderr]).toEqual([0, expect.stringContaining('is down: nothing is left')]);
});

test.for([
  // So few that Node may not even load the program.
  [
    'ulimit -n 20',
    /(file limit of this shell is 20|[Tt]oo many files are open) \(ulimit -n\)[;,] (and )?a run needs 64/,
  ],
  ['ulimit -n 63', /open file limit of this shell is 63 \(ulimit -n\); a run needs 64/],
  ['ulimit -f 1', /file size limit of this shell is 1 KiB \(ulimit -f\); a run needs 1024/],
] as const)('%s: refused with the required number', async ([limit, words], { world }) => {
  expectSaid(await play(world, `${limit}; dynamo up agg $sim --detach`), 78, words);
});

test('the minimum number of files that the error names is enough', async ({ world }) => {
  const { code, stderr } = await play(world, 'ulimit -n 64; dynamo up disagg $sim --detach && dynamo down');
  expect([code, stderr]).toEqual([0, expect.stringContaining('is down: nothing is left')]);
});

test('many workers need more files: refused with the number, which is enough', async ({ world }) => {
  const up = 'dynamo up agg $sim --replicas worker=20 --detach';
  const words = /limit of this shell is 144 \(ulimit -n\); 21 processes with 21 ports need 145/;
  expectSaid(await play(world, `ulimit -n 144; ${up}`), 78, words);
  const { code, stderr } = await play(world, `ulimit -n 145; ${up} && dynamo down`);
  expect([code, stderr]).toEqual([0, expect.stringContaining('is down: nothing is left')]);
});

test.runIf(asRoot)('ulimit -u: refused with the used and required numbers', async ({ world }) => {
  const user = [setpriv, '--reuid=64123', '--regid=64123', '--clear-groups'];
  const own = await play(world, `chown -R 64123 ${world.root}`);
  expect(own.code).toBe(0);
  const ended = await play(world, 'ulimit -u 40; dynamo up agg $sim --detach', user);
  expectSaid(ended, 78, /has \d+ of at most 40 processes and threads \(ulimit -u\); a run needs 64 more/);
});

/** Writes more than a mebibyte to its log at once. */
function talkative(world: World, ...more: readonly string[]): string {
  const long = join(world.work, 'long.log');
  writeFileSync(long, `${'x'.repeat(99)}\n`.repeat(16_000));
  return faulty(world, 'agg', { worker: ['--replay-log', long, ...more] });
}

test('a process that dies because its log reaches ulimit -f is reported as such', async ({ world }) => {
  const profile = talkative(world, '--crash-after', '0.5');
  const ended = await play(world, `ulimit -f 1024; dynamo up ${profile} $sim`);
  expectSaid(
    ended,
    1,
    /^error: A file of worker has reached the file size limit \(ulimit -f, 1024 KiB here\)\.$/m,
  );
});

test('a log that reaches ulimit -f is rotated, and the run serves', async ({ world }) => {
  const profile = talkative(world);
  const moved = `${world.state}/dynamo/runs/*/logs/worker.log.1`;
  const { code, stderr } = await play(
    world,
    `ulimit -f 1024; dynamo up ${profile} $sim --detach && until [ -e ${moved} ]; do sleep 0.1; done && dynamo down`,
  );
  expect([code, stderr]).toEqual([0, expect.stringContaining('is down: nothing is left')]);
});

const foreignProc = [unshare, '--pid', '--fork'];

test
  .runIf(asRoot)
  .for([
    'up agg $sim --detach',
    'exec agg $sim -- true',
    'ps',
    'down',
    'down --all --now',
    'clean',
    'logs',
    'wait',
    'attach',
    'events',
    'restart worker',
    'infra up',
    '',
  ])('/proc of another pid namespace: dynamo %s fails', async (verb, { world }) => {
  const ended = await play(world, `dynamo ${verb}`, foreignProc);
  expectSaid(ended, 78, /^error: \/proc shows another pid namespace, where this process, \d+, is \d+/m);
});

test.runIf(asRoot)('/proc of another pid namespace: doctor reports it too', async ({ world }) => {
  const { code, stdout } = await play(world, 'dynamo doctor --only pidns', foreignProc);
  expect([code, stdout]).toEqual([
    1,
    expect.stringMatching(/FAIL +D18 pidns +\/proc shows another pid namespace/),
  ]);
});

test.runIf(asRoot)('a pid namespace with its own /proc is not a problem', async ({ world }) => {
  const { code, stderr } = await play(world, 'dynamo up agg $sim --detach && dynamo down', [
    ...foreignProc,
    '--mount-proc',
  ]);
  expect([code, stderr]).toEqual([0, expect.stringContaining('is down: nothing is left')]);
});

test.runIf(asRoot)('no /proc at all: an error', async ({ world }) => {
  for (const verb of ['up agg $sim', 'ps', 'down', 'clean']) {
    const ended = await play(world, `umount -l /proc && dynamo ${verb}`, [unshare, '--mount']);
    expectSaid(ended, 78, /^error: \/proc is not mounted: processes cannot be identified\.$/m);
  }
});

test.runIf(asRoot)(
  'a network namespace without loopback is refused, and reported by doctor',
  async ({ world }) => {
    const ended = await play(world, 'dynamo up agg $sim --detach', [unshare, '--net']);
    expectSaid(ended, 78, /^error: Loopback is down: 127\.0\.0\.1 cannot be reached \(ENETUNREACH\)\.$/m);
    expect(ended.stderr).toContain('fix: ip link set lo up');
    const doctor = await play(world, 'dynamo doctor --only loopback', [unshare, '--net']);
    expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringMatching(/FAIL +D26 loopback/)]);
  },
);

test.runIf(asRoot)('a user namespace is not a problem', async ({ world }) => {
  const { code, stderr } = await play(world, 'dynamo up agg $sim --detach && dynamo down', [
    unshare,
    '--user',
    '--map-root-user',
  ]);
  expect([code, stderr]).toEqual([0, expect.stringContaining('is down: nothing is left')]);
});

test.runIf(asRoot)('a start that fails for a missing prerequisite exits with its code', async ({ world }) => {
  // Each process is started through /bin/sh.
  for (const how of ['', ' --detach']) {
    const script = `mount --bind /dev/null /bin/sh && dynamo up agg $sim${how}`;
    const ended = await play(world, script, [unshare, '--mount']);
    expectSaid(ended, 78, /^error: \w+ could not be started: \/bin\/sh does not exist, or .* \(EACCES\)/m);
  }
});

/** In a mount namespace of its own, with this file system where the state is. */
function onDisk(world: World, options: string, script: string): [World, string, string[]] {
  return [world, `mount -t tmpfs -o ${options} small ${world.state} && ${script}`, [unshare, '--mount']];
}

test.runIf(asRoot)(
  'a disk with too little space is refused with the free and required space',
  async ({ world }) => {
    const fill = `head -c 34k /dev/zero >${world.state}/fill`;
    const few = await play(...onDisk(world, 'size=68k', `${fill}; dynamo up agg $sim --detach`));
    expectSaid(few, 73, /^error: The disk is full: \d+ KiB free at .*; a run needs 256 KiB for its/m);
    const nodes = await play(...onDisk(world, 'nr_inodes=20', 'dynamo up agg $sim --detach'));
    expectSaid(nodes, 73, /^error: The disk is full: \d+ inodes free at .*; a run needs 64/m);
    const fixed = await play(...onDisk(world, 'ro', 'dynamo up agg $sim --detach'));
    expectSaid(fixed, 73, /read-only file system/);
  },
);

test.runIf(asRoot)(
  'a disk that fills up while a worker starts is reported as the cause',
  async ({ world }) => {
    const long = join(world.work, 'long.log');
    writeFileSync(long, `${'x'.repeat(99)}\n`.repeat(10_000));
    const profile = faulty(world, 'agg', { worker: ['--replay-log', long] });
    const ended = await play(...onDisk(world, 'size=600k', `dynamo up ${profile} $sim`));
    expectSaid(ended, 1, /^error: The disk is full at .*, so worker could not write its log\.$/m);
    expect(ended.stderr).toMatch(/a write into \S+: ENOSPC, \d+ KiB free/);
  },
);
