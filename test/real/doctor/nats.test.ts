/** D11 against real nats-servers: with and without JetStream, with small messages, suspended, gone, and not NATS. */
import { createServer } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../e2e/harness/ports.ts';
import { temporaryFolder } from '../../integration/sim/processes.ts';
import { startNats } from '../support/nats.ts';
import { binaries, startServer } from '../support/server.ts';
import { doctor } from './run-doctor.ts';

const [binary = 'nats-server'] = binaries('nats-server');

async function startWith(configuration: string): Promise<string> {
  const [port, monitor] = [await freePort(), await freePort()];
  const file = join(temporaryFolder(), 'nats.conf');
  writeFileSync(file, `${configuration}\n`);
  const argv = ['-c', file, '-a', '127.0.0.1', '-p', String(port), '-m', String(monitor)];
  await startServer(binary, argv, `http://127.0.0.1:${monitor}/healthz`);
  return `nats://127.0.0.1:${port}`;
}

test('nats: ok with JetStream; fails when suspended or gone', async () => {
  const nats = await startNats(binary);
  const env = { NATS_SERVER: nats.env['NATS_SERVER'] ?? '' };
  expect(await doctor('nats', env)).toMatchObject({
    status: 'ok',
    evidence: expect.stringMatching(/^NATS \d+\.\d+\.\d+ on 127\.0\.0\.1:\d+, JetStream on$/),
  });
  process.kill(nats.server().pid, 'SIGSTOP');
  expect(await doctor('nats', env)).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('no answer within'),
  });
  await nats.server().kill();
  expect(await doctor('nats', env)).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('ECONNREFUSED'),
  });
});

test('nats: warns without JetStream, although its health page says 200', async () => {
  expect(await doctor('nats', { NATS_SERVER: await startWith('') })).toMatchObject({
    status: 'warn',
    evidence: expect.stringContaining('JetStream turned off'),
  });
});

test('nats: a low message limit is a warning', async () => {
  const server = await startWith(`max_payload: 1KB\njetstream { store_dir: ${temporaryFolder()} }`);
  expect(await doctor('nats', { NATS_SERVER: server })).toMatchObject({
    status: 'warn',
    evidence: expect.stringContaining('only up to 1024 bytes'),
  });
});

test('nats: a password in the address is hidden, and another server is reported as not NATS', async () => {
  const server = createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-test\r\n'));
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const seen = await doctor('nats', { NATS_SERVER: `nats://me:hidden@127.0.0.1:${port}` });
  expect(seen).toMatchObject({ status: 'fail', evidence: expect.stringContaining('is not NATS') });
  expect(JSON.stringify(seen)).not.toContain('hidden');
});
