/** Programs that are missing, exit, fail, hang or are killed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProgram } from '../../../src/host/program.ts';
import { isLiving } from '../../oracle/proc.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

const sh = (script: string, timeoutMs = 10_000) =>
  runProgram({ program: 'sh', words: ['-c', script], environment: process.env, timeoutMs });

test('returns output and exit code', async () => {
  expect(await sh('echo out; echo err >&2; exit 3')).toEqual({ code: 3, stdout: 'out', stderr: 'err' });
  expect(await sh('echo $LC_ALL')).toMatchObject({ code: 0, stdout: 'C' });
});

test('the program has no input', async () => {
  expect(await sh('read line || echo nobody')).toMatchObject({ stdout: 'nobody' });
});

test('a missing program', async () => {
  expect(
    await runProgram({
      program: 'no-such-program-here',
      words: [],
      environment: process.env,
      timeoutMs: 1_000,
    }),
  ).toBeUndefined();
  const file = join(tempFolder(), 'text');
  writeFileSync(file, 'text', { mode: 0o644 });
  expect(
    await runProgram({ program: file, words: [], environment: process.env, timeoutMs: 1_000 }),
  ).toBeUndefined();
});

test('a killed program', async () => {
  expect(await sh('kill -9 $$')).toMatchObject({ code: 128, stderr: 'it was killed by SIGKILL' });
});

test('a program that hangs and ignores signals is abandoned in time and killed', async () => {
  const pidFile = join(tempFolder(), 'pid');
  const hangs = sh(
    `trap '' TERM; echo $$ >${pidFile}.new; mv ${pidFile}.new ${pidFile}; while :; do sleep 0.05; done`,
    500,
  );
  await expect(hangs).rejects.toThrow('sh did not answer within 0.5 s');
  await until('it to be gone', () => !isLiving(Number(readFileSync(pidFile, 'utf8'))));
});
