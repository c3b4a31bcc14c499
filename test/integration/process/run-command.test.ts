/** A command that runs to its end or is stopped: its output, its exit code, and no leftovers. */
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { Identity } from '../../../src/base/identity.ts';
import { runCommand } from '../../../src/process/run-command.ts';
import { isLiving } from '../../oracle/proc.ts';
import { until } from '../../support/until.ts';

function running(script: string, argv: readonly [string, ...string[]] = ['/bin/sh', '-c', script]) {
  const lines: string[] = [];
  const started: Identity[] = [];
  const [stop, kill] = [new AbortController(), new AbortController()];
  const ended = runCommand({
    argv,
    cwd: '/',
    environment: { PATH: process.env['PATH'] ?? '', GREETING: 'hello' },
    onLine: (line) => void lines.push(line),
    onStart: (identity) => void started.push(identity),
    clock: systemClock,
    stop: stop.signal,
    kill: kill.signal,
  });
  onTestFinished(() => {
    for (const { pid } of started) endGroup(pid);
  });
  const pidLine = async (): Promise<number> =>
    Number(await until('a pid', () => lines.find((line) => /^\d+$/.test(line))));
  return { lines, started, stop, kill, ended, pidLine };
}

/** In case the test fails. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It is gone, as expected.
  }
}

test('returns lines of both streams and the exit code, and passes the given environment', async () => {
  const { ended, lines, started } = running('echo "$GREETING"; echo "$HOME." >&2; exit 3');
  expect(await ended).toEqual({ code: 3, signal: undefined });
  expect(lines.toSorted()).toEqual(['.', 'hello']);
  expect(started).toHaveLength(1);
});

test('processes that a command leaves behind are ended and not waited for', async () => {
  const { ended, pidLine } = running('sleep 300 & echo $!');
  expect(await ended).toEqual({ code: 0, signal: undefined });
  expect(isLiving(await pidLine())).toBe(false);
});

test('when stopped, it ends with everything it started, and the reason is thrown', async () => {
  const { ended, pidLine, stop, started } = running('sleep 300 & echo $!; wait');
  const child = await pidLine();
  const reason = new Error('Ctrl-C');
  stop.abort(reason);
  await expect(ended).rejects.toBe(reason);
  expect([child, started[0]?.pid ?? 0].filter(isLiving)).toEqual([]);
});

test('a command that does not obey is killed if there is no time to wait', async () => {
  const { ended, pidLine, stop, kill } = running(
    'trap "" TERM; sleep 300 & echo $!; while :; do sleep 1; done',
  );
  const child = await pidLine();
  const reason = new Error('Ctrl-C');
  stop.abort(reason);
  kill.abort();
  await expect(ended).rejects.toBe(reason);
  expect(isLiving(child)).toBe(false);
});

test('when stopped before its start, it does not start', async () => {
  const stop = AbortSignal.abort(new Error('early'));
  await expect(
    runCommand({
      argv: ['/bin/true'],
      cwd: '/',
      environment: {},
      onLine: () => {},
      onStart: () => expect.unreachable(),
      clock: systemClock,
      stop,
      kill: stop,
    }),
  ).rejects.toThrow('early');
});

test('a missing program is named', async () => {
  await expect(running('', ['/nowhere/uv', 'venv']).ended).rejects.toMatchObject({
    code: 'environment',
    message: expect.stringContaining('/nowhere/uv could not be started'),
  });
});
