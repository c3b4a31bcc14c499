/**
 * `up --grafana`: Tempo and Grafana in containers beside a run. Stand-ins speak their health endpoints and read their
 * configuration, since no registry can be reached here: what the real images do with it is not tested.
 */
import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { killSupervision } from '../../chaos/scene.ts';
import { dynamo, succeed } from '../../e2e/harness/cli.ts';
import { ps, textBelow, up } from '../../e2e/harness/deployment.ts';
import { test } from '../../e2e/harness/world.ts';
import { until } from '../../support/until.ts';
import { startDocker } from '../support/docker.ts';
import { daemonOfFile } from '../support/file-daemon.ts';
import { pythons } from '../support/python.ts';

/** Ready if what is provisioned can be read and Prometheus answers under its address. */
const grafana = `
const { readFileSync, readdirSync, writeFileSync } = require('node:fs');
const { GF_PATHS_PROVISIONING: folder, GF_PATHS_DATA: data, GF_SERVER_HTTP_ADDR: host, GF_SERVER_HTTP_PORT: port } = process.env;
const read = (name) => JSON.parse(readFileSync(folder + '/' + name + '/dynamo.yml', 'utf8'));
const { datasources } = read('datasources');
const boards = read('dashboards').providers.flatMap(({ options }) => readdirSync(options.path));
writeFileSync(data + '/grafana.db', '');
const isUp = (url) => fetch(url).then(({ ok }) => ok, () => false);
require('node:http').createServer(async (request, response) => {
  const [prometheus, tempo] = datasources.map(({ url }) => url);
  if (request.url !== '/api/health') return response.end(JSON.stringify({ boards, types: datasources.map(({ type }) => type) }));
  const ok = (await isUp(prometheus + '/-/ready')) && (tempo === undefined || (await isUp(tempo + '/ready')));
  response.writeHead(ok ? 200 : 503).end('{"database":"ok"}');
}).listen(Number(port), host);
process.on('SIGTERM', () => process.exit(0));
`;

/** Counts the exports of traces. */
const tempo = `
const { readFileSync, mkdirSync } = require('node:fs');
const [, file] = process.argv.find((word) => word.startsWith('-config.file=')).split('=');
const { server, distributor, storage } = JSON.parse(readFileSync(file, 'utf8'));
for (const folder of [storage.trace.wal.path, storage.trace.local.path]) mkdirSync(folder, { recursive: true });
let exported = 0;
const [host, port] = distributor.receivers.otlp.protocols.grpc.endpoint.split(':');
const otlp = require('node:http2').createServer();
otlp.on('stream', (stream, headers) => {
  const known = headers[':path'].includes('TraceService');
  if (known) exported++;
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': known ? '0' : '12' }));
  stream.on('error', () => {});
  stream.resume();
  stream.end(Buffer.alloc(5));
});
otlp.listen(Number(port), host);
require('node:http').createServer((request, response) => response.end(String(exported)))
  .listen(server.http_listen_port, server.http_listen_address);
process.on('SIGTERM', () => process.exit(0));
`;

/** Ready, if the files that it was given are in its container. */
const prometheus = `
const { readFileSync } = require('node:fs');
const option = (name) => process.argv.find((word) => word.startsWith(name + '=')).slice(name.length + 1);
const config = JSON.parse(readFileSync(option('--config.file'), 'utf8'));
JSON.parse(readFileSync(config.scrape_configs[0].file_sd_configs[0].files[0], 'utf8'));
const [host, port] = option('--web.listen-address').split(':');
require('node:http').createServer((request, response) => response.end()).listen(Number(port), host);
process.on('SIGTERM', () => process.exit(0));
`;

const references = {
  grafana: 'grafana/grafana:12.2.0',
  tempo: 'grafana/tempo:2.8.2',
  prometheus: 'prom/prometheus:v3.4.1',
};

const daemon = daemonOfFile(startDocker, async (one) => {
  const node = realpathSync(process.execPath);
  const folder = mkdtempSync('/tmp/stand-ins-');
  for (const [name, script] of Object.entries({ grafana, tempo, prometheus })) {
    const file = join(folder, `${name}.cjs`);
    writeFileSync(file, script);
    const [target, start] = [`/${name}.cjs`, JSON.stringify([node, `/${name}.cjs`])];
    const path = `ENV PATH=${dirname(node)}`;
    await one.makeImage(
      references[name as keyof typeof references],
      [node, `${file}=${target}`],
      [path, `ENTRYPOINT ${start}`],
    );
  }
  rmSync(folder, { recursive: true });
});

async function ask(port: number | undefined, path = '/'): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
}

test('Grafana knows Prometheus, Tempo and our board; one that dies comes back; nothing is left', async ({
  world,
}) => {
  symlinkSync('/usr/bin/prometheus', join(world.bin, 'prometheus'));
  const env = { ...daemon().env };
  const running = await up(world, 'disagg', ['--grafana'], { env });
  const portOf = (process: string): number | undefined =>
    running.processes.find(({ name }) => name === process)?.ports['client'];
  expect(running.processes.map(({ name }) => name)).toEqual([
    'frontend',
    'prefill',
    'decode',
    'tempo',
    'prometheus',
    'grafana',
  ]);
  expect(running.notes).toMatch(
    /grafana +http:\/\/127\.0\.0\.1:\d+ +--grafana: a container of grafana\/grafana:12\.2\.0/,
  );
  expect(JSON.parse(await ask(portOf('grafana')))).toEqual({
    boards: ['dynamo.json'],
    types: ['prometheus', 'tempo'],
  });
  expect(await daemon().everything()).toHaveLength(2);

  const restartsOf = async (process: string): Promise<number> =>
    (await ps(world))[0]?.processes.find(({ name, state }) => name === process && state === 'ready')
      ?.restarts ?? 0;
  await daemon().ask('POST', `/containers/dynamo-${running.runId}-grafana/kill?signal=SIGKILL`);
  await until('Grafana is back', async () => (await restartsOf('grafana')) === 1, 30_000);
  const others = (await ps(world))[0]?.processes.filter(({ name }) => name !== 'grafana');
  expect(others?.every(({ restarts }) => restarts === 0)).toBe(true);
  await succeed(world, ['down', '--quiet']);
  expect(await daemon().everything()).toEqual([]);
});

test('without a Prometheus here, it runs in a container; what a killed supervisor left is cleaned', async ({
  world,
}) => {
  const boards = join(world.work, 'boards');
  const env = { ...daemon().env, DYNAMO_GRAFANA_BOARDS: boards };
  const lacking = await dynamo(world, ['up', 'agg', '--engine', 'sim', '--grafana'], { env });
  expect([lacking.code, lacking.stderr]).toEqual([78, expect.stringContaining('there is no such folder')]);
  const { runId } = await up(world, 'agg', ['--grafana'], { env: daemon().env });
  expect(await daemon().everything()).toHaveLength(3);
  expect(textBelow(join(world.state, 'dynamo', 'runs', runId, 'infra'))).toBe('');
  await killSupervision(world);
  await succeed(world, ['clean']);
  expect(await daemon().everything()).toEqual([]);
});

test('spans of the mocker reach Tempo, and no log complains', { timeout: 240_000 }, async ({ world }) => {
  const { python = '' } = pythons('mocker').at(-1) ?? {};
  const words = ['--engine', 'mocker', '--python', python, '--grafana'];
  const { client, model, processes, runId } = await up(world, 'agg', words, { env: daemon().env });
  const messages = [{ role: 'user' as const, content: 'Hello!' }];
  await client.chat.completions.create({ model, messages, max_tokens: 4 });
  const port = processes.find(({ name }) => name === 'tempo')?.ports['client'];
  await until('an export of traces', async () => Number(await ask(port)) > 0, 30_000);
  expect(textBelow(join(world.state, 'dynamo', 'runs', runId, 'logs'))).not.toContain('batch_log_processor');
  await succeed(world, ['down', '--quiet']);
});

test('an image that cannot be pulled, or no daemon: exit 69, one fix, nothing started', async ({ world }) => {
  const words = ['up', 'agg', '--engine', 'sim', '--grafana'];
  const image = '127.0.0.1:9/none/grafana:1';
  const unpulled = await dynamo(world, [...words, '--image', `grafana=${image}`], { env: daemon().env });
  expect([unpulled.code, unpulled.stderr]).toEqual([
    69,
    expect.stringMatching(
      /--grafana: 127\.0\.0\.1:9\/none\/grafana:1 is not on this host and cannot be pulled[^]*fix: docker pull/,
    ),
  ]);
  const none = await dynamo(world, words, { env: { DOCKER_HOST: 'unix:///tmp/nothing.sock' } });
  expect([none.code, none.stderr]).toEqual([69, expect.stringContaining('--grafana: ')]);
  expect(none.stderr.match(/^fix: /gm)).toHaveLength(1);
  expect(await ps(world, '--all')).toEqual([]);
});
