/** Habits from docker compose and kubectl: their words and flags, runs named as they name them, and ended runs told apart. */
import { expect } from 'vitest';
import { dynamo, succeed } from './harness/cli.ts';
import { up } from './harness/deployment.ts';
import { test } from './harness/world.ts';

test('their commands lead to ours, and never to one that does damage', async ({ world }) => {
  const fixes = {
    rm: /^fix: dynamo down /m,
    htop: /^fix: dynamo top$/m,
    tpo: /^fix: did you mean: dynamo top$/m,
    version: /^fix: dynamo --version$/m,
    dwon: /^fix: did you mean: dynamo down$/m,
  };
  for (const [word, fix] of Object.entries(fixes)) {
    const { code, stderr } = await dynamo(world, [word]);
    expect({ code, stderr }, word).toEqual({ code: 64, stderr: expect.stringMatching(fix) });
  }
});

test('logs, start and stop take RUN and RUN/PROCESS', async ({ world }) => {
  await up(world, 'disagg');
  await up(world, 'agg', ['--name', 'other']);
  const lines = async (...words: string[]): Promise<number> =>
    (await succeed(world, ['logs', ...words])).stdout.trimEnd().split('\n').length;
  expect(await lines('other', '-n', '1')).toBe(2);
  expect(await lines('other/worker', '-n', '1')).toBe(1);
  expect(await lines('disagg/decode', 'disagg/prefill', '-n', '1')).toBe(2);
  expect((await dynamo(world, ['logs', 'decode'])).stderr).toMatch(
    /^fix: dynamo logs (disagg|other)\/decode$/m,
  );
  expect((await dynamo(world, ['logs', 'disagg/decode', 'other/worker'])).stderr).toMatch(
    /One run at a time/,
  );
  expect((await dynamo(world, ['stop', 'other'])).stderr).toMatch(/^fix: dynamo down other /m);
  expect((await succeed(world, ['stop', 'other/worker'])).stderr).toBe('worker is stopped\n');
  expect((await succeed(world, ['start', 'other/worker'])).stderr).toBe('worker is ready\n');
  await succeed(world, ['down', 'disagg']);
  // Only one is up: a process of it goes before a run of the same name.
  expect(await lines('worker', '-n', '1')).toBe(1);
  expect(await lines('disagg', '-n', '1')).toBe(3);
  await succeed(world, ['down']);
});

test('ps --all: one line a run, newest first, with its id, why it ended and when', async ({ world }) => {
  const first = await up(world, 'agg');
  await succeed(world, ['down', '--quiet']);
  const second = await up(world, 'agg');
  expect((await succeed(world, ['ps', '-q'])).stdout).toBe(`${second.runId}\n`);
  await succeed(world, ['down', '--quiet']);
  const failed = await dynamo(world, ['up', 'agg', '-d', '--name', 'bad', '--', '--crash-after', '0']);
  expect(failed.code).toBe(1);
  const { stdout } = await succeed(world, ['ps', '--all']);
  const rows = stdout.trimEnd().split('\n');
  expect(rows).toHaveLength(4);
  expect(rows[0]).toMatch(/^ID +PROFILE +STATE +STARTED +ENDED +WHY$/);
  expect(rows[1]).toMatch(/^bad-\w+ +agg on sim +failed +.* ago +.* ago +\S/);
  expect(rows[2]).toMatch(
    new RegExp(`^${second.runId} +agg on sim +stopped +.* ago +.* ago +it was stopped$`),
  );
  expect(rows[3]).toMatch(new RegExp(`^${first.runId} `));
  const last = await succeed(world, ['ps', '--last', '1']);
  expect(last.stdout).toMatch(/^ID.*\nbad-\w+ .*\n$/);
  expect(last.stderr).toBe('2 older runs: dynamo ps --last all\n');
  expect((await succeed(world, ['ps', '--all-processes'])).stdout).toMatch(/^ +frontend +stopped/m);
  const { stderr } = await succeed(world, ['ps']);
  expect(stderr).toMatch(/^the last one, bad-\w+, failed .* ago: .*\nfix: dynamo logs bad-/m);
  const { runs } = JSON.parse((await succeed(world, ['ps', '-a', '-o', 'json'])).stdout) as {
    runs: object[];
  };
  expect(runs).toHaveLength(3);
  expect(runs.every((run) => 'endedAt' in run)).toBe(true);
});
