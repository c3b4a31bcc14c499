/** How a process is started: recorded before it runs, in its own session, with its own log. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { identify, isAlive } from '../../../src/process/identity.ts';
import { createLauncher } from '../../../src/process/launch.ts';
import { createTracker } from '../../../src/process/tracker.ts';
import { readLedger } from '../../../src/process/ledger.ts';
import { livingProcesses, livingProcess, processesWith } from '../../oracle/proc.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { specOf, start, startShell } from '../../support/tree.ts';
import { until } from '../../support/until.ts';
import { mayRun } from '../../support/may-run.ts';

test('a command is in the ledger before it runs', async () => {
  const { child, logFile, ledgerFile, expectNothingLeft } = await startShell(
    'grep -c "\\"pid\\":$$," "$D/ledger.jsonl"',
  );
  expect(await child.exited).toEqual({ code: 0, signal: undefined });
  expect(readFileSync(logFile, 'utf8')).toBe('1\n');
  const [entry] = readLedger(ledgerFile);
  expect(entry).toMatchObject({ pid: child.pid, pgrp: child.pid, session: child.pid, process: 'w' });
  expect(entry?.bootId).toBe(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  expectNothingLeft();
});

test('the command leads its own session and group, has the pid of the ledger, and no input', async () => {
  const { child, folder, ledgerFile, pidIn, expectNothingLeft } = await startShell(
    'echo $$ >"$D/pid"; cat; ls -l /proc/$$/fd >"$D/fds"; exec sleep 60',
  );
  const seen = await pidIn('pid');
  expect(seen).toMatchObject({ pid: child.pid, group: child.pid, session: child.pid });
  expect(readLedger(ledgerFile)[0]?.startTime).toBe(seen.startTime);
  const fds = await until('the list of files', () => {
    const text = readText(join(folder, 'fds'));
    return text.includes(' 2 -> ') && text;
  });
  expect(fds).not.toMatch(/ 3 -> (pipe|socket)/);
  await child.stop(5_000);
  expectNothingLeft(seen);
});

test('stdout and stderr are appended to the log', async () => {
  const folder = tempFolder();
  mkdirSync(join(folder, 'logs'));
  writeFileSync(join(folder, 'logs', 'w.log'), 'before\n');
  const { child, logFile } = await start(['/bin/sh', '-c', 'echo out; echo err >&2'], 'w', folder);
  await child.exited;
  expect(readFileSync(logFile, 'utf8')).toBe('before\nout\nerr\n');
});

test('arguments arrive unchanged, and the environment is exactly the given one', async () => {
  const words = ['', ' a  b ', '$HOME `id` "\'\\', '-n', 'ü\n*'];
  const { child, logFile } = await start([
    process.execPath,
    '-e',
    'console.log(JSON.stringify([process.argv.slice(1), process.env]))',
    '--',
    ...words,
  ]);
  await child.exited;
  const [argv, env] = JSON.parse(readFileSync(logFile, 'utf8')) as [string[], Record<string, string>];
  expect(argv).toEqual(words);
  const given = ['D', 'DYNAMO_PROCESS', 'DYNAMO_RUN_ID', 'ORACLE', 'PATH'];
  expect(
    Object.keys(env)
      .filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name))
      .toSorted(),
  ).toEqual(given);
});

test.each([
  ['exit 7', { code: 7, signal: undefined }],
  ['kill -SEGV $$', { code: undefined, signal: 'SIGSEGV' }],
])('reports how a command ended: %s', async (script, exit) => {
  const { child } = await startShell(script);
  expect(await child.exited).toEqual(exit);
});

test('a command that does not exist exits with 127 and says so in its log', async () => {
  const { child, logFile } = await start(['/no/such/command']);
  expect(await child.exited).toEqual({ code: 127, signal: undefined });
  expect(readFileSync(logFile, 'utf8')).toContain('/no/such/command');
});

test('a process that cannot be recorded never runs', async () => {
  const folder = tempFolder();
  const marker = `dynamo-unwritten-${process.pid}`;
  const launcher = createLauncher({
    runId: 'r',
    ledgerFile: folder, // a folder cannot be appended to
    tracker: createTracker(folder),
    environment: { PATH: process.env.PATH ?? '', ORACLE: marker },
    clock: systemClock,
  });
  await expect(launcher.launch(specOf(folder, ['/bin/sh', '-c', 'echo ran; sleep 60']))).rejects.toThrow(
    'EISDIR',
  );
  await until('the waiting shell to be gone', () => processesWith(marker).length === 0);
  expect(readText(join(folder, 'logs', 'w.log'))).not.toContain('ran');
});

test('a missing working directory is a clear error, and nothing runs', async () => {
  const folder = tempFolder();
  const launcher = createLauncher({
    runId: 'r',
    ledgerFile: join(folder, 'l'),
    tracker: createTracker(join(folder, 'l')),
    environment: {},
    clock: systemClock,
  });
  const spec = { ...specOf(folder, ['/bin/true']), cwd: join(folder, 'missing') };
  await expect(launcher.launch(spec)).rejects.toMatchObject({
    code: 'environment',
    message: expect.stringContaining('w could not be started'),
  });
});

test('an identity is alive as long as its process; zombies do not count', async () => {
  const { child, expectNothingLeft } = await startShell('exec sleep 60');
  const identity = identify(child.pid);
  expect(identity && isAlive(identity)).toBe(true);
  expect(identity && isAlive({ ...identity, startTime: '1' })).toBe(false);
  expect(identity && isAlive({ ...identity, bootId: 'another' })).toBe(false);
  await child.stop(5_000);
  expect(identity && isAlive(identity)).toBe(false);
  expect(identify(2 ** 22 + 1)).toBeUndefined();
  expectNothingLeft();
});

test('a zombie is dead', async () => {
  // perl forks a child that exits at once, and never waits for it.
  const { child, pidIn } = await start([
    'perl',
    '-e',
    'my $p = fork; if (!$p) { exit 0 } open F, ">", "$ENV{D}/zombie"; print F "$p\\n"; close F; open G, ">", "$ENV{D}/me"; print G "$$\\n"; close G; sleep 60',
  ]);
  await pidIn('me');
  const zombie = everybodyElse(child.pid);
  await until('the zombie to be one', () => zombie().every((pid) => livingProcess(pid) === undefined));
  for (const pid of zombie()) {
    const identity = identify(pid);
    expect(identity && isAlive(identity)).toBe(false);
  }
  expect(await child.stop(5_000)).toEqual({ killed: [], left: [] });
});

const python = ['/usr/bin/python3', '/usr/local/bin/python3'].find((file) => existsSync(file));

test.runIf(mayRun(python !== undefined))(
  'a process whose first thread has ended is alive while other threads run',
  async () => {
    const program = [
      'import ctypes, os, threading, time',
      'threading.Thread(target=time.sleep, args=(60,)).start()',
      'open(os.environ["D"] + "/me", "w").write(f"{os.getpid()}\\n")',
      'ctypes.CDLL(None).pthread_exit(None)',
    ].join('\n');
    const { child, folder, expectNothingLeft } = await start([python ?? '', '-c', program]);
    await until('the first thread to end', () => readText(`/proc/${child.pid}/stat`).includes(') Z '));
    expect(readText(join(folder, 'me'))).toBe(`${child.pid}\n`);
    const identity = identify(child.pid);
    expect(identity && isAlive(identity)).toBe(true);
    await child.stop(5_000);
    expect(identity && isAlive(identity)).toBe(false);
    expectNothingLeft();
  },
);

/** Children of a process, including zombies, from the kernel. */
function everybodyElse(parent: number): () => number[] {
  return () => readText(`/proc/${parent}/task/${parent}/children`).split(' ').filter(Boolean).map(Number);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

test('nothing started by these tests is left', () => {
  expect(
    livingProcesses().filter(({ command }) => command.includes(`dynamo-oracle-${process.pid}-`)),
  ).toEqual([]);
});
