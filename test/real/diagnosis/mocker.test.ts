/** What the installed Dynamo says when it fails is what the rules read: REAL_DYNAMO=/a/bin/python:/b/bin/python. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { diagnose } from '../../../src/doctor/diagnose.ts';
import { rules } from '../../../src/doctor/rule-table.ts';
import { planOf } from '../../support/diagnosis.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const pythons = (process.env['REAL_DYNAMO'] ?? 'python3').split(':');

/** Both streams until it ends, or for as long as shows that it waits in vain: 1.4 waits two minutes for etcd. */
async function linesOf(python: string, words: readonly string[], env: Readonly<Record<string, string>>) {
  return await new Promise<string[]>((resolve, reject) => {
    const child = execFile(
      python,
      ['-m', ...words],
      {
        timeout: 15_000,
        env: {
          PATH: process.env['PATH'],
          HOME: tempFolder(),
          HF_HUB_OFFLINE: '1',
          DYN_SDK_DISABLE_ANSI_LOGGING: '1',
          DYN_DISCOVERY_BACKEND: 'file',
          DYN_FILE_KV: tempFolder(),
          DYN_REQUEST_PLANE: 'tcp',
          DYN_EVENT_PLANE: 'zmq',
          ETCD_STARTUP_CONNECT_TIMEOUT_SECONDS: '2',
          NATS_STARTUP_CONNECT_TIMEOUT_SECONDS: '2',
          ...env,
        },
      },
      (error, stdout, stderr) => {
        if (error === null) reject(new Error(`it did not fail:\n${stdout}${stderr}`));
        else resolve(`${stdout}${stderr}`.split('\n'));
      },
    );
    child.on('error', reject);
  });
}

function ruleFor(lines: readonly string[]): string | undefined {
  const plan = planOf();
  const failure = {
    code: 'process-failed',
    message: 'decode exited with code 1',
    process: 'decode',
  } as const;
  const processes = plan.processes.map((spec) => ({
    spec,
    lines: spec.name === 'decode' ? lines : [],
    variables: new Set<string>(),
  }));
  return diagnose(rules, { failure, processes, plan }, {}).diagnosis?.rule;
}

const mocker = ['dynamo.mocker', '--model-path', 'acme/absent'];
const frontend = ['dynamo.frontend', '--http-port', '0'];
/** Nobody listens there: it is below what is handed out, and no service has it. */
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
    const lines = await linesOf(python, words, env);
    expect([ruleFor(lines), lines.slice(-8)]).toEqual([rule, lines.slice(-8)]);
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
