/** `dynamo scale`: workers come and go while requests are answered; what fails is taken back; nothing is left. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Plan } from '../../src/plan/plan.ts';
import { environmentOf } from '../oracle/proc.ts';
import { until } from '../support/until.ts';
import { dynamo, start, succeed } from './harness/cli.ts';
import { pidOf, ps, type Running, up } from './harness/deployment.ts';
import { steadyLoad } from './harness/steady-load.ts';
import { test, type World } from './harness/world.ts';

const planOf = ({ state }: World, { runId }: Pick<Running, 'runId'>): Plan =>
  JSON.parse(readFileSync(join(state, 'dynamo', 'runs', runId, 'plan.json'), 'utf8')) as Plan;

const processNames = async (world: World): Promise<string[]> => {
  const [run] = await ps(world);
  return run?.processes.map(({ name, state }) => `${name} ${state}`) ?? [];
};

test('workers come and go under load, and no request fails', async ({ world }) => {
  const running = await up(world, 'disagg');
  const before = planOf(world, running);
  const load = steadyLoad(running.url, running.model, 6);
  await load.answers(20);
  const more = await succeed(world, ['scale', 'decode=3', 'prefill=2', '--json']);
  expect(JSON.parse(more.stdout)).toMatchObject({
    added: [{ name: 'decode-2' }, { name: 'decode-3' }, { name: 'prefill-2' }],
    removed: [],
    replicas: { decode: 3, prefill: 2 },
  });
  expect(await processNames(world)).toEqual(
    ['frontend', 'prefill', 'prefill-2', 'decode', 'decode-2', 'decode-3'].map((name) => `${name} ready`),
  );
  await load.answers(60);
  const targets = JSON.parse((await succeed(world, ['targets'])).stdout) as { labels: { process: string } }[];
  expect(targets.map(({ labels }) => labels.process)).toContain('decode-3');
  const fewer = await succeed(world, ['scale', 'disagg', 'decode=1', 'prefill=1']);
  expect(fewer.stdout).toMatch(
    /^prefill: 2 → 1, decode: 3 → 1; removed decode-2, decode-3, prefill-2; took /,
  );
  await load.answers(20);
  const { sent, answered, failed } = await load.end();
  expect(failed).toEqual([]);
  expect(answered).toBe(sent);
  expect(planOf(world, running)).toEqual(before);
  await succeed(world, ['down']);
});

test('requests in flight on a removed worker are answered to their end', async ({ world }) => {
  const running = await up(world, 'agg_router', ['--', '--tokens-per-second', '40']);
  const load = steadyLoad(running.url, running.model, 8, 60);
  await load.answers(4);
  await succeed(world, ['scale', 'worker=1']);
  await load.answers(4);
  expect((await load.end()).failed).toEqual([]);
  await succeed(world, ['down']);
});

test('a new worker that fails is taken back, and the run goes on', async ({ world }) => {
  const running = await up(world, 'agg');
  const before = planOf(world, running);
  // The new worker cannot write its log: it does not start.
  mkdirSync(join(world.state, 'dynamo', 'runs', running.runId, 'logs', 'worker-2.log'));
  const { code, stderr } = await dynamo(world, ['scale', 'worker=2']);
  expect([code, stderr]).toEqual([expect.not.stringMatching('^0$'), expect.stringContaining('worker-2')]);
  expect(await processNames(world)).toEqual(['frontend ready', 'worker ready']);
  expect(planOf(world, running)).toEqual(before);
  const load = steadyLoad(running.url, running.model, 2);
  await load.answers(4);
  expect((await load.end()).failed).toEqual([]);
  await succeed(world, ['down']);
});

test('one change at a time, and no start or stop meanwhile', async ({ world }) => {
  await up(world, 'agg', ['--', '--startup-time', '4']);
  const first = start(world, ['scale', 'worker=3']);
  await until('the change to begin', async () => (await processNames(world)).length === 4);
  const [second, stopped] = await Promise.all([
    dynamo(world, ['scale', 'worker=2']),
    dynamo(world, ['stop', 'worker']),
  ]);
  expect([second.code, stopped.code]).toEqual([75, 75]);
  expect(second.stderr).toContain('are being changed');
  expect((await first.ended).code).toBe(0);
  await succeed(world, ['stop', 'worker-3']);
  // A worker that the user stopped is not waited for.
  await succeed(world, ['scale', 'worker=4']);
  expect(await processNames(world)).toEqual([
    'frontend ready',
    'worker ready',
    'worker-2 ready',
    'worker-3 stopped',
    'worker-4 ready',
  ]);
  await succeed(world, ['down']);
});

test('a change goes on when its command is killed, and can be watched', async ({ world }) => {
  const running = await up(world, 'agg', ['--', '--startup-time', '1']);
  const asked = start(world, ['scale', 'worker=2']);
  await until('the change to begin', async () => (await processNames(world)).length === 3);
  asked.child.kill('SIGKILL');
  await asked.ended;
  await until('the new worker to be ready', async () =>
    (await processNames(world)).includes('worker-2 ready'),
  );
  expect(planOf(world, running).processes.map(({ name }) => name)).toEqual([
    'frontend',
    'worker',
    'worker-2',
  ]);
  const late = await dynamo(world, ['scale', 'worker=3', '--timeout', '0.2']);
  expect([late.code, late.stderr]).toEqual([69, expect.stringContaining('it goes on')]);
  await until('three workers', async () => (await processNames(world)).includes('worker-3 ready'));
  await succeed(world, ['down']);
});

test('a run that is stopped or loses its supervisor in the middle of a change leaves nothing', async ({
  world,
}) => {
  const running = await up(world, 'agg', ['--', '--startup-time', '2']);
  const asked = start(world, ['scale', 'worker=3']);
  await until('the change to begin', async () => (await processNames(world)).length === 4);
  await succeed(world, ['down']);
  expect((await asked.ended).code).not.toBe(0);
  const again = await up(world, 'agg', ['--', '--startup-time', '2']);
  const killed = start(world, ['scale', 'worker=3']);
  await until('the change to begin', async () => (await processNames(world)).length === 4);
  const [run] = await ps(world);
  process.kill(run?.supervisorPid ?? 0, 'SIGKILL');
  expect((await killed.ended).code).not.toBe(0);
  await succeed(world, ['down', again.runId]);
  expect(running.runId).not.toBe(again.runId);
});

test('what cannot be changed is refused with the way on', async ({ world }) => {
  expect(await dynamo(world, ['scale', 'worker=2'])).toMatchObject({ code: 66 });
  await up(world, 'disagg');
  for (const [words, said] of [
    [['frontend=2'], 'only workers can be scaled'],
    [['decod=2'], 'did you mean decode=2?'],
    [['decode=0'], 'dynamo down disagg'],
    [['decode=257'], 'dynamo scale decode=256'],
    [['decode'], 'Expected WORKER=NUMBER'],
    [['decode=x'], 'expected WORKER=NUMBER'],
    [['decode=2', 'decode=3'], 'given twice'],
    [[], 'How many workers?'],
  ] as const) {
    const { code, stderr } = await dynamo(world, ['scale', ...words]);
    expect([words, code === 64 || code === 66, stderr]).toEqual([words, true, expect.stringContaining(said)]);
  }
  expect((await succeed(world, ['scale', 'decode=1'])).stdout).toBe('nothing to change\n');
  await succeed(world, ['down']);
});

test('after a change, records that are damaged are restored as they are now', async ({ world }) => {
  const running = await up(world, 'agg');
  await succeed(world, ['scale', 'worker=2']);
  const file = join(world.state, 'dynamo', 'runs', running.runId, 'plan.json');
  const now = planOf(world, running);
  writeFileSync(file, '{}');
  await until('the plan to be restored', async () => {
    await Promise.resolve();
    return readFileSync(file, 'utf8').length > 2;
  });
  expect(planOf(world, running)).toEqual(now);
  await succeed(world, ['down']);
});

test('logs that are followed show workers that join', async ({ world }) => {
  await up(world, 'agg');
  const logs = start(world, ['logs', '-f']);
  const attached = start(world, ['attach']);
  await Promise.all([logs.until(/^worker +\|/m), attached.until(/^worker +\|/m)]);
  await succeed(world, ['scale', 'worker=2']);
  await Promise.all([logs.until(/^worker-2 +\|/m), attached.until(/^worker-2 +\|/m)]);
  await succeed(world, ['down']);
  expect((await Promise.all([logs.ended, attached.ended])).map(({ code }) => code)).toEqual([0, 0]);
});

test('up with other parameters says what differs; --replace restarts those workers under load', async ({
  world,
}) => {
  const running = await up(world, 'disagg');
  const [before] = await ps(world);
  const other = [
    'up',
    'disagg',
    '--engine',
    'sim',
    '--detach',
    '--set',
    'components.decode.memory.contextLength=4096',
  ];
  const same = await dynamo(world, ['up', 'disagg', '--engine', 'sim', '--detach']);
  expect([same.code, same.stderr]).toEqual([75, expect.stringContaining('It runs what was asked for.')]);
  const refused = await dynamo(world, other);
  expect([refused.code, refused.stderr]).toEqual([
    75,
    expect.stringContaining('decode: --context-length: none → 4096'),
  ]);
  expect(refused.stderr).toContain('add --replace');
  const load = steadyLoad(running.url, running.model, 4);
  await load.answers(10);
  const replaced = await succeed(world, [...other, '--replace']);
  expect(replaced.stdout).toMatch(/^disagg: replaced decode → decode-2; took /);
  await load.answers(10);
  // A variable whose value is shown nowhere reaches the new worker.
  const variable = ['--set', 'components.decode.env.GREETING=hello', '--json'];
  const again = JSON.parse((await succeed(world, [...other, ...variable, '--replace'])).stdout) as {
    removed: string[];
  };
  expect(again.removed).toEqual(['decode-2']);
  await load.answers(10);
  const { failed } = await load.end();
  expect(failed).toEqual([]);
  const [now] = await ps(world);
  const pidIn = (run: typeof now, name: string): number | undefined =>
    run?.processes.find((each) => each.name === name)?.pid;
  expect(now?.processes.map(({ name, state }) => `${name} ${state}`)).toEqual([
    'frontend ready',
    'prefill ready',
    'decode-1 ready',
  ]);
  for (const name of ['frontend', 'prefill']) expect(pidIn(now, name)).toBe(pidIn(before, name));
  expect(environmentOf(pidIn(now, 'decode-1') ?? 0)?.get('GREETING')).toBe('hello');
  expect((await succeed(world, [...other, ...variable, '--replace'])).stdout).toBe(
    'disagg: nothing to replace\n',
  );
  const fixed = await dynamo(world, [
    'up',
    'disagg',
    '--engine',
    'sim',
    '--detach',
    '--replace',
    '--model',
    'other/model',
  ]);
  expect([fixed.code, fixed.stderr]).toEqual([64, expect.stringContaining('run: model: ')]);
  await succeed(world, ['down']);
});

test('a replacement that does not start leaves the old worker', async ({ world }) => {
  const running = await up(world, 'agg');
  const before = planOf(world, running);
  const bad = [
    '--set',
    'components.worker.engineArgs.sim=["--startup-time","2","--exit-after","0.2"]',
    '--set',
    'components.worker.restart=no',
  ];
  const { code, stderr } = await dynamo(world, [
    'up',
    'agg',
    '--engine',
    'sim',
    '--detach',
    '--replace',
    ...bad,
  ]);
  expect([code, stderr]).toEqual([1, expect.stringContaining('As before: worker.')]);
  expect(await processNames(world)).toEqual(['frontend ready', 'worker ready']);
  expect(planOf(world, running)).toEqual(before);
  await succeed(world, ['down']);
});

test('--timeout is the time for a replacement to become ready', async ({ world }) => {
  const running = await up(world, 'agg');
  const before = planOf(world, running);
  const slow = ['--set', 'components.worker.engineArgs.sim=["--startup-time","600"]', '--timeout', '3'];
  const words = ['up', 'agg', '--engine', 'sim', '--detach', '--replace', ...slow];
  const { code, stderr } = await dynamo(world, words);
  expect(code).toBe(69);
  expect(stderr).toMatch(/^error: Worker-2 was not ready within 3 s; last seen: /m);
  expect(await processNames(world)).toEqual(['frontend ready', 'worker ready']);
  expect(planOf(world, running)).toEqual(before);
  await succeed(world, ['down']);
});

test('a new worker that dies while the old one finishes its requests does not end the run', async ({
  world,
}) => {
  const restart = ['--set', 'components.worker.restart=no'];
  const slow = ['--', '--tokens-per-second', '20'];
  const running = await up(world, 'agg', [...restart, ...slow]);
  const cards = (): number =>
    readdirSync(join(world.state, 'dynamo', 'runs', running.runId, 'discovery', 'v1', 'mdc')).length;
  const long = steadyLoad(running.url, running.model, 1, 240);
  const other = [...restart, '--set', 'components.worker.memory.contextLength=4096'];
  const replacing = start(world, [
    'up',
    'agg',
    '--engine',
    'sim',
    '--detach',
    ...other,
    '--replace',
    ...slow,
  ]);
  await until('the new worker to register', async () => await Promise.resolve(cards() === 2));
  const ended = long.end();
  await until('the old worker to leave', async () => await Promise.resolve(cards() === 1));
  const first = await pidOf(world, 'worker-2');
  process.kill(first, 'SIGKILL');
  const { code, stdout } = await replacing.ended;
  expect([code, stdout]).toEqual([0, expect.stringContaining('agg: replaced worker → worker-2')]);
  expect((await ended).failed).toEqual([]);
  const [run] = await ps(world);
  expect(run?.processes).toMatchObject([
    { name: 'frontend', state: 'ready', restarts: 0 },
    { name: 'worker-2', state: 'ready', restarts: 1 },
  ]);
  const load = steadyLoad(running.url, running.model, 2, 4);
  await load.answers(4);
  expect((await load.end()).failed).toEqual([]);
  await succeed(world, ['down']);
});
