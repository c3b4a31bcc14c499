/** `dynamo plan`: the same plan as a tree, as JSON and as a script that runs. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { leftovers } from '../oracle/leftovers.ts';
import { dynamo, startCommand, succeed } from './harness/cli.ts';
import { clientOf } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { test } from './harness/world.ts';

interface SeenPlan {
  readonly version: number;
  readonly http: { readonly port: number };
  readonly processes: readonly {
    readonly name: string;
    readonly argv: readonly string[];
    readonly env: Record<string, string>;
  }[];
}

test('as a tree: choices with reasons, processes with ports and order, the ready condition', async ({
  world,
}) => {
  const { stdout, stderr } = await succeed(world, ['plan', 'disagg_same_gpu', '--engine', 'sim']);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^engine +sim +--engine sim$/m);
  expect(stdout).toMatch(/decode .*after prefill ready/);
  expect(stdout).toMatch(/^ready when .*prefill.* is listed, and a chat request is answered$/m);
  expect(stdout).toMatch(/^stops frontend {2}→ {2}/m);
});

test('as JSON: versioned, byte for byte the same each time, and following the options', async ({ world }) => {
  const port = await freePort();
  const words = ['plan', 'agg_router', '--engine', 'sim', '--http-port', String(port), '--json'];
  const more = [
    '--replicas',
    'worker=3',
    '--env',
    'DYN_LOG=debug',
    '--set',
    'pageSize=32',
    '--',
    '--tokens-per-second',
    '9',
  ];
  const [once, again] = [
    await succeed(world, [...words, ...more]),
    await succeed(world, [...words, ...more]),
  ];
  expect(again.stdout).toBe(once.stdout);
  const plan = JSON.parse(once.stdout) as SeenPlan;
  expect(plan).toMatchObject({ version: 1, http: { port } });
  expect(plan.processes.map(({ name }) => name)).toEqual(['frontend', 'worker-1', 'worker-2', 'worker-3']);
  for (const { name, argv, env } of plan.processes) {
    expect(env['DYN_LOG']).toBe('debug');
    if (name === 'frontend') continue;
    expect(argv.slice(-2)).toEqual(['--tokens-per-second', '9']);
    expect(argv[argv.indexOf('--page-size') + 1]).toBe('32');
  }
});

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`as a script: bash runs it, it answers, and ${signal} ends it with ${code} and leaves nothing`, async ({
    world,
  }) => {
    const port = await freePort();
    const words = ['plan', 'disagg', '--engine', 'sim', '--http-port', String(port), '--shell'];
    const script = join(world.work, 'up.sh');
    writeFileSync(script, (await succeed(world, words)).stdout);
    const session = startCommand(world, ['bash', script], { ownGroup: true });
    await session.until(/"chat\.completion"/);
    const client = clientOf(`http://127.0.0.1:${port}`);
    const [model] = (await client.models.list()).data;
    const messages = [{ role: 'user' as const, content: 'x' }];
    const answer = await client.chat.completions.create({ model: model?.id ?? '', messages, max_tokens: 4 });
    expect(answer.usage?.completion_tokens).toBe(4);
    process.kill(-session.pid, signal);
    expect(await session.ended).toMatchObject({ code });
    expect(leftovers(world)).toEqual([]);
  });
}

test('as a script: a process that exits early ends the script with 1 and its name', async ({ world }) => {
  const port = await freePort();
  const words = [
    'plan',
    'agg',
    '--engine',
    'sim',
    '--http-port',
    String(port),
    '--shell',
    '--',
    '--page-size',
    'many',
  ];
  const script = join(world.work, 'up.sh');
  writeFileSync(script, (await succeed(world, words)).stdout);
  const { code, stderr } = await startCommand(world, ['bash', script]).ended;
  expect(code).toBe(1);
  expect(stderr).toContain('worker ended before it was ready');
});

test('as a compose file: nothing of this machine in it but who starts it', async ({ world }) => {
  const { stdout, stderr } = await succeed(world, ['plan', 'disagg', '--compose', '--gpus', '2,3'], {
    env: { PATH: '/nowhere', DYNAMO_RUNTIME_IMAGE: 'registry.example/sglang:1.4.2' },
  });
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^ {2}image: registry\.example\/sglang:1\.4\.2$/m);
  expect(stdout).toMatch(/^ {2}(frontend|prefill|decode):$/m);
  expect(stdout).not.toContain(world.work);
  expect(stdout.match(/device_ids:\n +- "\d"/g)?.map((match) => match.at(-2))).toEqual(['2', '3']);
});

test.for([
  [['--compose', '--json'], 'Use --json or --compose, not both'],
  [['--compose', '--engine', 'sim'], "--compose: the engine sim is not in NVIDIA's image"],
  [['--compose', '--persist', 'x'], '--persist has no meaning with --compose'],
] as const)('%s is refused', async ([words, message], { world }) => {
  const { code, stdout, stderr } = await dynamo(world, ['plan', 'agg', ...words]);
  expect([code, stdout]).toEqual([64, '']);
  expect(stderr).toContain(message);
});
