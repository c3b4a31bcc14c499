/** Real processes open no more ports to the network than docs/engines.md lists, and `--events nats` closes them. */
import { describe, expect } from 'vitest';
import { succeed } from '../../e2e/harness/cli.ts';
import { ps, up } from '../../e2e/harness/deployment.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { listeners, openedBy } from '../../oracle/proc.ts';
import { install, versions } from '../support/installed.ts';
import { pythons } from '../support/python.ts';

const timeout = 240_000;

/** Ports that other hosts can reach, by process of the only run. */
async function open(world: World): Promise<Record<string, number[]>> {
  const [run] = await ps(world);
  const beyond = listeners('beyond loopback');
  return Object.fromEntries(
    (run?.processes ?? []).map(({ name, pid }) => {
      const own = new Set(openedBy(pid ?? 0));
      const ports = [...beyond].filter(([, inodes]) => inodes.some((inode) => own.has(`socket:[${inode}]`)));
      return [name, ports.map(([port]) => port)];
    }),
  );
}

/** The most that docs/engines.md lists, by minor version. */
const admitted: Readonly<Record<string, { worker: number; frontend: number }>> = {
  '1.1': { worker: 3, frontend: 2 },
  '1.4': { worker: 3, frontend: 1 },
  '1.6': { worker: 4, frontend: 0 },
};

describe.each(pythons('mocker'))('$name', ({ name, python }) => {
  const mocker = ['--engine', 'mocker', '--python', python];
  const most = admitted[/\d+\.\d+/.exec(name)?.[0] ?? ''] ?? { worker: 4, frontend: 2 };

  test('no more ports than documented are open beyond loopback', { timeout }, async ({ world }) => {
    await up(world, 'agg_router', mocker);
    const { frontend, ...workers } = await open(world);
    expect(frontend?.length).toBeLessThanOrEqual(most.frontend);
    for (const ports of Object.values(workers)) expect(ports.length).toBeLessThanOrEqual(most.worker);
    await succeed(world, ['down']);
  });

  test('with events through NATS, none is open', { timeout }, async ({ world }) => {
    const [binaries] = versions();
    if (binaries !== undefined) install(world, binaries);
    await up(world, 'agg_router', [...mocker, '--events', 'nats', '--infra', 'process']);
    expect(Object.values(await open(world)).flat()).toEqual([]);
    await succeed(world, ['down']);
  });
});
