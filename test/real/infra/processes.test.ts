/** etcd and NATS as processes of a run: a deployment that serves and leaves nothing. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { dynamo, startCommand, succeed } from '../../e2e/harness/cli.ts';
import { ps, up } from '../../e2e/harness/deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { leftovers } from '../../oracle/leftovers.ts';
import { install, versions } from '../support/installed.ts';
import { keysIn, putKey } from '../support/etcd.ts';

const [first, ...others] = versions();
const all = first === undefined ? [] : [first, ...others];
const process = ['--infra', 'process'];

describe.each(all)('$etcd, $nats', (binaries) => {
  test('agg_router is a tree of etcd, NATS, frontend and workers', async ({ world }) => {
    install(world, binaries);
    const { notes, infra, client, model } = await up(world, 'agg_router', process);
    expect(notes).toMatch(/^discovery +etcd +--infra process$/m);
    expect(notes).toMatch(/^etcd +process +\S+\/bin\/etcd, version \d/m);
    expect(notes).toMatch(/^nats +process +\S+\/bin\/nats-server, version \d/m);
    const [run] = await ps(world);
    expect(run?.processes.map(({ name, state }) => [name, state])).toEqual([
      ['etcd', 'ready'],
      ['nats', 'ready'],
      ['frontend', 'ready'],
      ['worker-1', 'ready'],
      ['worker-2', 'ready'],
    ]);
    const keys = await keysIn(infra?.['etcd']?.[0] ?? '');
    expect(keys.filter(({ key }) => key.startsWith('v1/instances/dynamo/backend/generate/'))).toHaveLength(2);
    const { choices } = await client.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'Hello!' }],
      max_tokens: 8,
    });
    expect(choices[0]?.message.content).toBeTruthy();
    const { stdout } = await succeed(world, ['logs', 'nats']);
    expect(stdout).toContain('Server is ready');
    const { stderr } = await succeed(world, ['down']);
    expect(stderr).toMatch(/worker-2 stopped[\s\S]*etcd stopping/);
  });

  test('NATS accepts messages of 15 MB and has JetStream', async ({ world }) => {
    install(world, binaries);
    await up(world, 'agg', ['--events', 'nats']);
    const [run] = await ps(world);
    const monitoring = run?.processes.find(({ name }) => name === 'nats')?.ports['monitoring'];
    const about = await (await fetch(`http://127.0.0.1:${monitoring}/varz`)).json();
    expect(about).toMatchObject({ max_payload: 15 * 1024 * 1024, host: '127.0.0.1' });
    const jetstream = (await (await fetch(`http://127.0.0.1:${monitoring}/jsz`)).json()) as object;
    expect(jetstream).toMatchObject({ config: { store_dir: expect.stringContaining(world.state) } });
    await succeed(world, ['down']);
  });
});

test('the script of a plan starts etcd and NATS too, and leaves nothing', async ({ world }) => {
  if (first !== undefined) install(world, first);
  const port = String(await freePort());
  const words = ['plan', 'agg_router', '--engine', 'sim', '--http-port', port, '--shell', ...process];
  const script = join(world.work, 'up.sh');
  writeFileSync(script, (await succeed(world, words)).stdout);
  const session = startCommand(world, ['bash', script]);
  await session.until(/"chat\.completion"/);
  session.child.kill('SIGTERM');
  expect(await session.ended).toMatchObject({ code: 143 });
  expect(leftovers(world)).toEqual([]);
});

test('up and down ten times with agg_router and disagg_router, and each time nothing is left', async ({
  world,
}) => {
  if (first !== undefined) install(world, first);
  for (let round = 0; round < 5; round++) {
    for (const profile of ['agg_router', 'disagg_router']) {
      await up(world, profile, process);
      expect(dataOfEtcd(world)).toHaveLength(1);
      await succeed(world, ['down', '--quiet']);
      expect(dataOfEtcd(world)).toEqual([]);
      expect(leftovers(world)).toEqual([]);
    }
  }
}, 300_000);

/** Its log may name keys as well, where a put took long. */
function dataOfEtcd({ state }: World): string[] {
  const files = readdirSync(state, { recursive: true, encoding: 'utf8' });
  return files.filter((path) => path.endsWith('/member/wal'));
}

test('data is removed with the run; --persist keeps it, for one run at a time', async ({ world }) => {
  if (first !== undefined) install(world, first);
  const kept = async (more: readonly string[]): Promise<string[]> => {
    const { infra } = await up(world, 'agg', [...process, ...more]);
    const url = infra?.['etcd']?.[0] ?? '';
    const found = (await keysIn(url)).filter(({ key }) => key === 'v1/kept');
    await putKey(url, 'v1/kept', 'here');
    if (more.length > 0) {
      const second = await dynamo(world, [
        'up',
        'agg',
        '--engine',
        'sim',
        '--name',
        'b',
        ...process,
        ...more,
      ]);
      expect(second.code).toBe(75);
      expect(second.stderr).toContain('is using that data');
    }
    await succeed(world, ['down', 'agg']);
    return found.map(({ value }) => value);
  };
  expect(await kept([])).toEqual([]);
  expect(await kept([])).toEqual([]);
  expect(await kept(['--persist', 'mine'])).toEqual([]);
  expect(await kept(['--persist', 'mine'])).toEqual(['here']);
});

test('without etcd, --infra process exits with 69 and how to get it, and starts nothing', async ({
  world,
}) => {
  const { code, stderr } = await dynamo(world, ['up', 'agg', '--engine', 'sim', ...process]);
  expect(code).toBe(69);
  expect(stderr).toContain('no etcd on PATH');
  expect(stderr).toContain('dynamo setup --infra   # or: apt-get install etcd-server nats-server');
  expect(await ps(world, '--all')).toEqual([]);
});
