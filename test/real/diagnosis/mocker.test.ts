/** The rules match what the installed Dynamo logs when it fails: REAL_DYNAMO=/a/bin/python:/b/bin/python. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { linesOf, pythons, ruleFor } from '../support/dynamo-failure.ts';
import { binaries } from '../support/server.ts';
import { fill, startSmallEtcd } from '../support/small-etcd.ts';

const [etcdBinary = 'etcd'] = binaries('etcd');

const mocker = ['dynamo.mocker', '--model-path', 'acme/absent'];
const frontend = ['dynamo.frontend', '--http-port', '0'];
/** A port without a listener: below the assigned range, and of no service. */
const nobody = '127.0.0.1:2';

const failures: readonly [rule: string, words: readonly string[], env: Readonly<Record<string, string>>][] = [
  ['etcd-unreachable', frontend, { DYN_DISCOVERY_BACKEND: 'etcd', ETCD_ENDPOINTS: `http://${nobody}` }],
  ['nats-unreachable', frontend, { DYN_EVENT_PLANE: 'nats', NATS_SERVER: `nats://${nobody}` }],
  ['hub-offline', mocker, {}],
  ['unknown-flag', [...mocker, '--bogus', '1'], {}],
  ['unknown-flag', ['dynamo.frontend', '--bogus'], {}],
  ['bad-flag-value', ['dynamo.frontend', '--router-mode', 'zzz'], {}],
];

for (const python of pythons) {
  test.each(failures)(`${python}: %s`, async (rule, words, env) => {
    const waitsInVain = rule === 'etcd-unreachable';
    const lines = await linesOf(python, words, env, (seen) => waitsInVain && ruleFor(seen) === rule);
    expect([ruleFor(lines), lines.slice(-8)]).toEqual([rule, lines.slice(-8)]);
  });

  test(`${python}: etcd-full`, async () => {
    const url = await startSmallEtcd(etcdBinary);
    await fill(url);
    const env = { DYN_DISCOVERY_BACKEND: 'etcd', ETCD_ENDPOINTS: url };
    const full = { etcdFull: true };
    const lines = await linesOf(python, frontend, env, (seen) => ruleFor(seen, full) === 'etcd-full');
    expect([ruleFor(lines, full), lines.slice(-8)]).toEqual(['etcd-full', lines.slice(-8)]);
  });

  test(`${python}: port-taken`, async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      const lines = await linesOf(python, ['dynamo.frontend', '--http-port', String(port)], {});
      expect([ruleFor(lines), lines.slice(-8)]).toEqual(['port-taken', lines.slice(-8)]);
    } finally {
      server.close();
    }
  });
}
