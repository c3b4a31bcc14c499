/**
 * A dead run with keys in an etcd with a password: they are removed once the password is given, and not forgotten
 * before.
 */
import { expect } from 'vitest';
import { killSupervision } from '../../chaos/scene.ts';
import { dynamo, succeed } from '../../e2e/harness/cli.ts';
import { textBelow, up } from '../../e2e/harness/deployment.ts';
import { test } from '../../e2e/harness/world.ts';
import { keysIn, lockEtcd, logIn, putKey, startEtcd } from '../support/etcd.ts';
import { profileWith } from '../support/infra-profile.ts';
import { binaries } from '../support/server.ts';

const [etcdBinary = 'etcd'] = binaries('etcd');

test('clean names the missing variable and remembers the run; with it, the keys are removed', async ({
  world,
}) => {
  const etcd = await startEtcd(etcdBinary);
  await lockEtcd(etcd.url, 'etcd-word');
  const token = await logIn(etcd.url, 'etcd-word');
  const login = { username: 'root', password: { env: 'MY_ETCD' } };
  const profile = profileWith(world, { etcd: { endpoints: [etcd.url], ...login } });
  const env = { MY_ETCD: 'etcd-word' };
  const { runId } = await up(world, profile, [], { env });
  const namespace = `dynamo-${runId.split('-').at(-1)}`;
  const planted = `v1/instances/${namespace}/backend/generate/dead`;
  await putKey(etcd.url, planted, 'x', token);
  const isThere = async (): Promise<boolean> =>
    (await keysIn(etcd.url, token)).some(({ key }) => key === planted);
  await killSupervision(world);
  const clean = async (flags: readonly string[], word: Readonly<Record<string, string>> = {}) =>
    (await succeed(world, ['clean', ...flags], { env: word })).stdout;
  const waiting = new RegExp(
    `cannot be removed yet:\n +namespace ${namespace} in etcd at \\S+ +MY_ETCD is not set +MY_ETCD=… dynamo clean`,
  );
  expect(await clean(['--dry-run'])).toMatch(waiting);
  expect(await clean([])).toContain(
    `keys of namespace ${namespace} were not removed (MY_ETCD is not set); to remove them: MY_ETCD=… dynamo clean`,
  );
  // Its processes are gone by now, but its record is kept.
  expect(await clean(['--all-ended'])).toMatch(waiting);
  const wrong = await clean(['--all-ended'], { MY_ETCD: 'wrong-word' });
  expect(wrong).toContain('authentication failed');
  expect(await isThere()).toBe(true);
  expect(await clean(['--dry-run'], env)).toMatch(new RegExp(`remove +keys +namespace ${namespace}`));
  expect(await clean([], env)).toContain(`removed what was left of namespace ${namespace}`);
  expect(await isThere()).toBe(false);
  expect(await clean(['--dry-run'])).not.toContain(namespace);
  expect(textBelow(world.state) + wrong).not.toMatch(/(etcd|wrong)-word/);
});

test('the next up reports it too, for an etcd named in the environment', async ({ world }) => {
  const etcd = await startEtcd(etcdBinary);
  await lockEtcd(etcd.url, 'etcd-word');
  const env = { ETCD_ENDPOINTS: etcd.url, ETCD_AUTH_USERNAME: 'root', ETCD_AUTH_PASSWORD: 'etcd-word' };
  const { runId } = await up(world, 'agg', ['--discovery', 'etcd'], { env });
  await killSupervision(world);
  const { notes } = await up(world, 'agg');
  expect(notes).toContain(
    `${runId}: etcd at ${etcd.url}: keys of namespace dynamo-${runId.split('-').at(-1)} were not removed ` +
      '(ETCD_AUTH_USERNAME is not set, ETCD_AUTH_PASSWORD is not set); ' +
      'to remove them: ETCD_AUTH_USERNAME=… ETCD_AUTH_PASSWORD=… dynamo clean',
  );
  await succeed(world, ['down']);
  const { stdout, code } = await dynamo(world, ['clean'], { env });
  expect([code, stdout]).toEqual([0, expect.stringContaining(`${runId}: etcd at ${etcd.url}: `)]);
  expect(stdout).toMatch(/no key of namespace|removed what was left/);
});
