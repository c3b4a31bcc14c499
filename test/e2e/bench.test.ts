/** `bench` compares deployments honestly, reports what it measured whatever happens, and leaves nothing behind. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { leftovers } from '../oracle/leftovers.ts';
import { dynamo, type Session, shellCode, start, succeed } from './harness/cli.ts';
import { faulty, onSim, pidOf, ps, up } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { until } from '../support/until.ts';
import { test, type World } from './harness/world.ts';
import type { BenchResult } from '../../src/bench/result.ts';

const small = ['--concurrency', '2', '--requests', '6', '--isl', '60', '--osl', '12'] as const;

/** On a machine that is busy with other work, figures may be withheld, with exit code 1; here they are read all the same. */
async function bench(
  world: World,
  words: readonly string[],
  where?: readonly string[],
): Promise<BenchResult> {
  const place = where ?? (await onSim());
  const { code, stdout, stderr } = await dynamo(world, ['bench', ...words, ...place, '--json']);
  const result = JSON.parse(stdout) as BenchResult;
  expect(code, stderr).toBe(isWithheld(result) ? 1 : 0);
  return result;
}

function isWithheld({ arms }: BenchResult): boolean {
  return arms.some(({ points }) =>
    points.some(({ rounds }) => rounds.some(({ withheld }) => withheld !== undefined)),
  );
}

/** Its answers take seconds, so that something can happen meanwhile. */
async function underWay(world: World, ...flags: readonly string[]): Promise<Session> {
  const slow = faulty(world, 'agg', { worker: ['--tokens-per-second', '40'] });
  const words = [
    'bench',
    slow,
    ...(await onSim()),
    '--concurrency',
    '2',
    '--requests',
    '400',
    '--isl',
    '40',
    '--osl',
    '10',
  ];
  const session = start(
    world,
    [...words, '--rounds', '1', '--save', 'out.json', '--junit', 'out.xml', ...flags],
    { ownGroup: true },
  );
  await session.until(/agg: serves|faulty: serves/);
  return session;
}

const saved = (world: World): BenchResult =>
  JSON.parse(readFileSync(join(world.work, 'out.json'), 'utf8')) as BenchResult;

test(
  'an arm that is made slower is found slower, in rounds that alternate',
  { timeout: 120_000 },
  async ({ world }) => {
    const slow = faulty(world, 'agg', { worker: ['--tokens-per-second', '60'] });
    const result = await bench(world, ['agg', '--vs', slow, ...small, '--html', 'r.html', '--csv', 'r.csv']);
    const itl = result.comparisons.find(({ metric }) => metric === 'itl.p50');
    expect(itl).toMatchObject({ arm: 'B', reference: 'A', verdict: 'worse', ratio: { rounds: 3 } });
    // 500 tokens per second against 60.
    expect(itl?.ratio?.ratio).toBeGreaterThan(4);
    expect(itl?.ratio?.ratio).toBeLessThan(12);
    expect(result.verdicts.join('\n')).toMatch(/faulty against agg, ITL p50: [\d.]+× slower/);
    expect(result).toMatchObject({
      simulated: true,
      interrupted: false,
      load: { starts: 'per-round', rounds: 3 },
    });
    for (const { points, problems, gpus } of result.arms) {
      expect({ problems, gpus }).toEqual({ problems: [], gpus: 1 });
      expect(
        points[0]?.rounds.map(({ round, figures }) => [round, figures.answered, figures.errors]),
      ).toEqual([
        [1, 6, 0],
        [2, 6, 0],
        [3, 6, 0],
      ]);
      // As the server counts them; a prompt is the template and whole words.
      expect(points[0]?.rounds[0]?.figures.osl).toMatchObject({ min: 12, max: 12 });
      expect(Math.abs((points[0]?.rounds[0]?.figures.isl?.mean ?? 0) - 60)).toBeLessThanOrEqual(2);
      expect(points[0]?.rounds[0]?.roles.map(({ role }) => role)).toEqual(['aggregated']);
    }
    expect(readFileSync(join(world.work, 'r.html'), 'utf8')).toContain('SIMULATED');
    expect(readFileSync(join(world.work, 'r.csv'), 'utf8').trim().split('\n')).toHaveLength(7);
    // Every round is a run of its own.
    expect(await ps(world, '--all')).toHaveLength(6);
  },
);

test('equal arms show no difference, also when both are up at the same time', async ({ world }) => {
  const words = ['agg', '--vs', 'agg', '--starts', 'together', '--threshold', '200%', ...small];
  const { comparisons, arms } = await bench(world, words);
  expect(arms.map(({ short }) => short)).toEqual(['agg A', 'agg B']);
  expect(comparisons.find(({ metric }) => metric === 'itl.p50')?.verdict).toBe('same');
  expect(comparisons.map(({ verdict }) => verdict)).not.toContain('better');
  expect(comparisons.map(({ verdict }) => verdict)).not.toContain('worse');
  expect(await ps(world, '--all')).toHaveLength(2);
});

test('options in quotes are for one arm, the others for all; fewer than three rounds have no verdict', async ({
  world,
}) => {
  const words = ['agg_router', '--vs', 'disagg --replicas decode=2', '--rounds', '1', ...small];
  const { arms, verdicts } = await bench(world, words);
  expect(arms.map(({ label, workers, gpus, engine }) => [label, workers, gpus, engine])).toEqual([
    ['agg_router', '2 workers', 2, 'sim'],
    ['disagg --replicas decode=2', '1 prefill, 2 decode', 3, 'sim'],
  ]);
  expect(verdicts).toEqual(['No verdict: one round cannot show how much figures vary; it takes 3.']);
});

test('one arm in turn: started once, prompts of each round are new to its cache, a shared part is not', async ({
  world,
}) => {
  const words = [
    'agg',
    '--rounds',
    '2',
    '--prefix-share',
    '0.5',
    '--concurrency',
    '2',
    '--requests',
    '8',
    '--isl',
    '200',
    '--osl',
    '4',
  ];
  const { arms } = await bench(world, words);
  const cached = arms[0]?.points[0]?.rounds.map(({ figures }) => figures.cached) ?? [];
  expect(cached).toHaveLength(2);
  for (const share of cached) {
    expect(share).toBeGreaterThan(0.35);
    expect(share).toBeLessThan(0.56);
  }
  expect(await ps(world, '--all')).toHaveLength(1);
  const alone = await bench(world, [
    'agg',
    '--rounds',
    '1',
    '--concurrency',
    '2',
    '--requests',
    '8',
    '--isl',
    '200',
    '--osl',
    '4',
  ]);
  expect(alone.arms[0]?.points[0]?.rounds[0]?.figures.cached).toBeLessThan(0.1);
});

test('a run that is up, and a URL, are loaded and left alone', async ({ world }) => {
  const { url, name } = await up(world, 'agg');
  for (const words of [
    ['--run', name],
    ['--url', `${url}/v1`, '--gpu-count', '4'],
  ]) {
    const load = ['--requests', '6', '--isl', '60', '--osl', '12', '--rounds', '1', '--rate', '20'];
    const { arms, simulated } = await bench(world, load, words);
    expect(arms[0]?.points[0]?.rounds[0]?.figures).toMatchObject({ answered: 6, errors: 0 });
    // Also behind a URL, its answers say so.
    expect(simulated).toBe(true);
  }
  expect((await ps(world)).map(({ state }) => state)).toEqual(['ready']);
  await succeed(world, ['down']);
});

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} keeps what was measured, and takes down what was brought up`, async ({ world }) => {
    const session = await underWay(world);
    await untilAnswered(world);
    process.kill(session.pid, signal);
    const ended = await session.ended;
    expect(shellCode(ended)).toBe(code);
    expect(ended.stdout).toContain('Interrupted: the figures are those of the rounds so far.');
    const [round] = saved(world).arms[0]?.points[0]?.rounds ?? [];
    expect(round?.figures.answered).toBeGreaterThan(3);
    expect(round?.figures.errors).toBe(0);
    expect(existsSync(join(world.work, 'out.xml'))).toBe(true);
    expect(await ps(world)).toEqual([]);
  });
}

/** Until the frontend of the only run has answered some requests: those of the warm-up, and measured ones. */
async function untilAnswered(world: World): Promise<void> {
  const [run] = await ps(world);
  await until('answers', async () => {
    const page = await fetch(`${run?.url}/metrics`).then((response) => response.text());
    const streams = page
      .split('\n')
      .filter((line) => /^dynamo_frontend_requests_total\{.*"stream"/.test(line));
    return streams.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0) > 10;
  });
}

test('after kill -9 of bench, the keeper stops everything', async ({ world }) => {
  const session = await underWay(world);
  process.kill(session.pid, 'SIGKILL');
  await session.ended;
  await until('the keeper to be done', () => leftovers(world).length === 0);
});

test('a deployment that dies under load: failed requests are counted, and the exit code is 1', async ({
  world,
}) => {
  const session = await underWay(world);
  await untilAnswered(world);
  process.kill(await pidOf(world, 'frontend'), 'SIGKILL');
  const { code, stdout } = await session.ended;
  expect(code).toBe(1);
  const [arm] = saved(world).arms;
  expect(arm?.points[0]?.rounds[0]?.figures.errors).toBeGreaterThan(0);
  expect(stdout).toMatch(/requests? failed: \S+/);
});

test('an arm that does not start fails with its reason, and the other is measured', async ({ world }) => {
  const broken = faulty(world, 'agg', { worker: ['--crash-after', '0'] });
  const { code, stdout, stderr } = await dynamo(world, [
    'bench',
    broken,
    '--vs',
    'agg',
    ...(await onSim()),
    ...small,
    '--rounds',
    '1',
  ]);
  expect(code).toBe(1);
  expect(stderr).toContain('simulated crash');
  expect(stdout).toMatch(/^faulty: .*worker exited with code 1/m);
  expect(stdout).toMatch(/^2 +faulty +not measured\n +agg +\d/m);
});

test('--fail-if and --baseline decide the exit code', async ({ world }) => {
  const words = ['bench', 'agg', ...(await onSim()), ...small, '--rounds', '1', '--junit', 'out.xml'];
  await succeed(world, [
    ...words,
    '--save',
    'base.json',
    '--fail-if',
    'errors > 0',
    '--fail-if',
    'ttft.p50 > 30s',
  ]);
  const failed = await dynamo(world, [...words, '--fail-if', 'itl.p50 > 0.1ms']);
  expect(failed.code).toBe(1);
  expect(failed.stdout).toMatch(/^failed {2}agg at concurrency 2: itl\.p50 is \S+ ms, which is > 0\.100 ms/m);
  expect(readFileSync(join(world.work, 'out.xml'), 'utf8')).toContain(
    '<failure message="agg at concurrency 2: itl.p50 is',
  );
  const same = await succeed(world, [...words, '--baseline', 'base.json', '--tolerance', '900%']);
  expect(same.stdout).toMatch(/^passed {2}agg at concurrency 2: itl\.p50 is/m);
  // The same label, so the same arm: five times slower than it was.
  const slower = await dynamo(world, [
    ...words,
    '--baseline',
    'base.json',
    '--',
    '--tokens-per-second',
    '20',
  ]);
  expect(slower.code).toBe(1);
  expect(slower.stdout).toMatch(/^failed {2}agg at concurrency 2: itl\.p50 is .* worse/m);
});

test('impossible requests are refused before anything starts', async ({ world }) => {
  for (const [words, text] of [
    [['bench'], 'needs a profile, --run or --url'],
    [['bench', 'agg', 'disagg'], 'fix: dynamo bench agg --vs disagg'],
    [['bench', 'agg', '--rate', '2', '--concurrency', '2'], 'different ways to apply a load'],
    [['bench', 'agg', '--concurrency', '0'], 'expected different numbers above zero'],
    [['bench', 'agg', '--isl', '9-5'], 'expected a number of tokens'],
    [['bench', 'agg', '--vs', 'disagg --nosuch'], 'unknown option'],
    [['bench', 'agg', '--fail-if', 'ttfd.p50 > 1s'], 'did you mean ttft.p50'],
    [['bench', 'agg', '--trace', 'nosuch.jsonl'], 'cannot be read'],
    [['bench', 'agg', '--baseline', 'nosuch.json'], 'cannot be read'],
    [
      ['bench', 'agg', '--vs', 'agg', '--starts', 'together', '--name', 'x'],
      '--name cannot be that of several runs',
    ],
    [['bench', '--url', 'gpu7:8000'], 'expected http://host:port'],
  ] as const) {
    const { code, stderr } = await dynamo(world, words);
    expect({ code, said: stderr.includes(text) }, stderr).toEqual({ code: 64, said: true });
  }
  expect((await dynamo(world, ['bench', 'agg', '--vs', 'nosuch', ...(await onSim())])).code).toBe(66);
  const gone = await dynamo(world, [
    'bench',
    '--url',
    `http://127.0.0.1:${await freePort()}`,
    '--rounds',
    '1',
  ]);
  expect(gone.code).toBe(69);
  expect(gone.stderr).toContain('ECONNREFUSED');
  expect(await ps(world, '--all')).toEqual([]);
});
