/** The library: two runs of one program with different logins to etcd. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { startCommand } from '../../e2e/harness/cli.ts';
import { installPacked } from '../../e2e/harness/installed.ts';
import { test } from '../../e2e/harness/world.ts';
import { environmentOf, livingProcesses } from '../../oracle/proc.ts';
import { type Etcd, keysIn, lockEtcd, logIn, startEtcd } from '../support/etcd.ts';
import { profileWith } from '../support/infra-profile.ts';
import { binaries } from '../support/server.ts';

const [etcdBinary = 'etcd'] = binaries('etcd');

test('two logins to etcd in one program do not mix, and its environment is not changed', async ({
  world,
}) => {
  const [first, second] = [await startEtcd(etcdBinary), await startEtcd(etcdBinary)];
  await lockEtcd(first.url, 'first-word');
  await lockEtcd(second.url, 'second-word');
  // The profile names the variable that has the password, which is different for each run.
  const login = { username: 'root', password: { env: 'MY_ETCD' } };
  const profile = profileWith(world, { etcd: { endpoints: [second.url], ...login } });
  installPacked(world);
  const byVariables = {
    ETCD_ENDPOINTS: first.url,
    ETCD_AUTH_USERNAME: 'root',
    ETCD_AUTH_PASSWORD: 'first-word',
  };
  writeFileSync(
    join(world.work, 'program.js'),
    `import { up } from 'dynamo-launcher';
    const before = JSON.stringify(process.env);
    const byVariables = { ...process.env, ...${JSON.stringify(byVariables)} };
    const byProfile = (word) =>
      up(${JSON.stringify(profile)}, { engine: 'sim', environment: { ...process.env, MY_ETCD: word } });
    const wrong = byProfile('first-word').catch(({ exitCode, fields }) =>
      console.log('refused', exitCode, JSON.stringify(fields)));
    const runs = await Promise.all([
      up('agg', { engine: 'sim', infra: 'external', environment: byVariables }),
      byProfile('second-word'),
    ]);
    await wrong;
    process.once('SIGTERM', async () => {
      for (const run of runs) await run.stop();
      console.log(JSON.stringify(process.env) === before);
    });
    console.log('ready', runs.map(({ runId }) => runId).join());`,
  );
  const session = startCommand(world, ['node', 'program.js']);
  await session.until(/ready \S+\n/);
  expect(session.stdout()).toContain(
    `refused 69 ${JSON.stringify({ address: second.url, key: 'infra.etcd.endpoints' })}`,
  );
  const ids = /ready (\S+)/.exec(session.stdout())?.[1]?.split(',') ?? [];
  const [one = '', two = ''] = ids;
  expect([passwordsOf(one), passwordsOf(two)]).toEqual([
    { frontend: 'first-word', worker: 'first-word' },
    { frontend: 'second-word', 'worker-1': 'second-word', 'worker-2': 'second-word' },
  ]);
  expect(await namespacesIn(first, 'first-word')).toEqual([namespaceOf(one)]);
  expect(await namespacesIn(second, 'second-word')).toEqual([namespaceOf(two)]);
  process.kill(session.pid, 'SIGTERM');
  const { code, stdout, stderr } = await session.ended;
  expect({ code, same: stdout.split('\n').at(-2) }, stderr).toEqual({ code: 0, same: 'true' });
  expect(await namespacesIn(first, 'first-word')).toEqual([]);
  expect(await namespacesIn(second, 'second-word')).toEqual([]);
});

/** Of the processes of a run, from the kernel. */
function passwordsOf(runId: string): Record<string, string | undefined> {
  const environments = livingProcesses().map(({ pid }) => environmentOf(pid));
  const own = environments.filter((env) => env.get('DYNAMO_RUN_ID') === runId && env.has('DYNAMO_PROCESS'));
  return Object.fromEntries(
    own.map((env) => [env.get('DYNAMO_PROCESS') ?? '', env.get('ETCD_AUTH_PASSWORD')]),
  );
}

function namespaceOf(runId: string): string {
  return `dynamo-${runId.split('-').at(-1)}`;
}

async function namespacesIn({ url }: Etcd, password: string): Promise<string[]> {
  const keys = await keysIn(url, await logIn(url, password));
  return [...new Set(keys.map(({ key }) => /dynamo-\w+/.exec(key)?.[0] ?? key))];
}
