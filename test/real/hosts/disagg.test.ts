/** One deployment on two hosts: prefill on the first, decode on the second, etcd between them. */
import { describe, expect } from 'vitest';
import { executable } from '../../e2e/harness/cli.ts';
import type { Up } from '../../e2e/harness/deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { until } from '../../support/until.ts';
import { answers, ask, rowOf } from '../support/host-commands.ts';
import { pythons } from '../support/python.ts';
import { type Host, test } from '../support/two-hosts.ts';

const engines = [
  { name: 'sim', flags: ['--engine', 'sim'] },
  ...pythons('mocker').map(({ name, python }) => ({
    name,
    flags: ['--engine', 'mocker', '--python', python],
  })),
];

async function startBoth([first, second]: readonly [Host, Host], flags: readonly string[]): Promise<Up> {
  const share = ['--only', 'frontend,prefill', '--http-port', String(await freePort())];
  const up = first.dynamo('up', 'disagg', ...share, '-d', '--json', ...flags);
  up.catch(() => {});
  await until(
    'etcd on the first host',
    async () => await answers(second, `http://${first.address}:2379/health`),
  );
  await startDecode([first, second], flags);
  return JSON.parse((await up).stdout) as Up;
}

async function startDecode([first, second]: readonly [Host, Host], flags: readonly string[]): Promise<void> {
  await second.dynamo(
    'up',
    'disagg',
    '--only',
    'decode',
    '--join',
    `http://${first.address}:2379`,
    '-d',
    ...flags,
  );
}

/** Requests that a worker of this host has taken. */
async function counted(host: Host, name: string): Promise<number> {
  const { ports } = (await rowOf(host)).processes.find((each) => each.name === name) ?? {};
  const page = await host.get(`http://${host.address}:${ports?.['system']}/metrics`);
  const lines = page
    .split('\n')
    .filter((line) => /^dynamo_component_requests_total\{.*dynamo_endpoint="generate"/.test(line));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

async function asksUntilAnswered(host: Host, up: Up): Promise<void> {
  // The lease of a killed worker lasts 10 s, and the frontend of 1.1.1 adds the next one 12 s later. A request that it
  // sends to the killed one meanwhile is never answered: with 1.1.1, one in four runs of this test has one.
  await until('an answer', async () => (await ask(host, up, 5).catch(() => 0)) === 8, 60_000);
}

describe.each(engines)('$name', ({ name, flags }) => {
  test(
    'an answer goes through both hosts, and each takes its own part down',
    { timeout: 240_000 },
    async ({ hosts }) => {
      const [first, second] = hosts;
      const up = await startBoth(hosts, flags);
      // The frontend of 1.1.1 counts prefill alone.
      if (name !== 'sim' && !name.includes('1.1.'))
        expect(up.proof.usedRoles).toContain('decode on another host');
      const before = [await counted(first, 'prefill'), await counted(second, 'decode')] as const;
      expect(await ask(first, up)).toBe(8);
      // A worker counts a request when it has ended, which the answer may overtake.
      await until('both to count it', async () => {
        const now = [await counted(first, 'prefill'), await counted(second, 'decode')] as const;
        return now[0] === before[0] + 1 && now[1] === before[1] + 1;
      });
      await second.dynamo('down');
      await first.dynamo('down');
    },
  );

  test(
    'a worker that is killed comes back on its host, and serves again',
    { timeout: 240_000 },
    async ({ hosts }) => {
      const [first, second] = hosts;
      const up = await startBoth(hosts, flags);
      const { pid } = (await rowOf(second)).processes[0] ?? {};
      process.kill(pid ?? 0, 'SIGKILL');
      await until('the restart', async () => {
        const [decode] = (await rowOf(second)).processes;
        return decode?.restarts === 1 && decode.state === 'ready';
      });
      await asksUntilAnswered(first, up);
      await Promise.all([first.dynamo('down'), second.dynamo('down')]);
    },
  );

  test('a host that is lost is noticed, and so is its return', { timeout: 240_000 }, async ({ hosts }) => {
    const [first, second] = hosts;
    const up = await startBoth(hosts, flags);
    const { supervisorPid } = await rowOf(second);
    process.kill(supervisorPid, 'SIGKILL');
    const events = first.run([process.execPath, executable, 'events', up.runId]);
    // Its lease in etcd ends after 10 s.
    await events.until(/does not know \w+, on another host, any more/, 40_000);
    await startDecode(hosts, flags);
    await events.until(/\w+, on another host, is back/);
    await asksUntilAnswered(first, up);
    await Promise.all([first.dynamo('down'), second.dynamo('down')]);
  });
});

test('sim over IPv6', { timeout: 120_000 }, async ({ hosts: [first, second] }) => {
  const port = `--http-port=${await freePort()}`;
  const start = ['up', 'disagg', '-d', '--json', '--engine=sim'];
  const up = first.dynamo(...start, '--only=frontend,prefill', `--advertise=${first.address6}`, port);
  up.catch(() => {});
  const join = `http://[${first.address6}]:2379`;
  await until('etcd', async () => await answers(second, `${join}/health`));
  await second.dynamo(...start, '--only=decode', `--join=${join}`);
  const serving = JSON.parse((await up).stdout) as Up;
  expect(await ask(first, serving)).toBe(8);
  await second.dynamo('down');
  await first.dynamo('down');
});

test('a host without an etcd to join says so at once', async ({ hosts: [, second] }) => {
  const join = ['--only=decode', '--join=http://10.77.0.1:2379'];
  const argv = [process.execPath, executable, 'up', 'disagg', '--engine=sim', ...join];
  const { code, stderr } = await second.run(argv).ended;
  expect(code).toBe(69);
  expect(stderr).toContain('--join http://10.77.0.1:2379: ');
  expect(stderr).toContain('fix: curl -m 2 http://10.77.0.1:2379/health');
});
