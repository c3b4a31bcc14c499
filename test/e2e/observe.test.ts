/** `dynamo targets`, and `up --observe` with a stand-in for Prometheus; test/real/observe has the real one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { until } from '../support/until.ts';
import { queries, board } from '../support/board.ts';
import { dynamo, shellCode, start, succeed } from './harness/cli.ts';
import { ps, up } from './harness/deployment.ts';
import { ask, follow, leave, servePage } from './harness/page.ts';
import { standIn, test, type World } from './harness/world.ts';
import { chatTrace, tracedRequest } from '../support/trace.ts';

interface Entry {
  readonly targets: readonly [string];
  readonly labels: Readonly<Record<string, string>>;
}

/** Answers its health check, if its configuration names the targets of the run. */
const prometheus = `#!/usr/bin/env node
const { readFileSync } = require('node:fs');
const option = (name) => process.argv.find((word) => word.startsWith(name + '=')).slice(name.length + 1);
const config = JSON.parse(readFileSync(option('--config.file'), 'utf8'));
const entries = JSON.parse(readFileSync(config.scrape_configs[0].file_sd_configs[0].files[0], 'utf8'));
const [host, port] = option('--web.listen-address').split(':');
require('node:http')
  .createServer((request, response) => response.writeHead(request.url === '/-/ready' && entries.length === 3 ? 200 : 503).end())
  .listen(Number(port), host);
process.on('SIGTERM', () => process.exit(0));
`;

async function targetsOf(world: World, ...words: string[]): Promise<readonly Entry[]> {
  return JSON.parse((await succeed(world, ['targets', ...words])).stdout) as Entry[];
}

test('targets: each process that has metrics, with labels; the same after a restart', async ({ world }) => {
  expect(await targetsOf(world)).toEqual([]);
  await up(world, 'disagg');
  const entries = await targetsOf(world, 'disagg');
  expect(
    entries.map(({ labels }) => [labels['process'], labels['role'], labels['run'], labels['engine']]),
  ).toEqual([
    ['frontend', 'frontend', 'disagg', 'sim'],
    ['prefill', 'prefill', 'disagg', 'sim'],
    ['decode', 'decode', 'disagg', 'sim'],
  ]);
  for (const { targets } of entries) {
    const page = await fetch(`http://${targets[0]}/metrics`);
    expect(await page.text()).toContain('# TYPE ');
  }
  await succeed(world, ['restart', 'decode']);
  expect(await targetsOf(world)).toEqual(entries);
  await succeed(world, ['down', '--quiet']);
  const gone = await dynamo(world, ['targets', 'disagg']);
  expect([gone.code, gone.stderr]).toEqual([66, expect.stringContaining('disagg is not up')]);
});

test('targets --follow keeps a file up to date, and empties it at the end', async ({ world }) => {
  const file = join(world.work, 'targets.json');
  const session = start(world, ['targets', '--write', 'targets.json', '--follow']);
  await session.until(/targets\.json: 0 processes/);
  await up(world, 'agg');
  await session.until(/targets\.json: 2 processes/);
  expect((JSON.parse(readFileSync(file, 'utf8')) as Entry[]).map(({ labels }) => labels['process'])).toEqual([
    'frontend',
    'worker',
  ]);
  session.child.kill('SIGINT');
  expect(shellCode(await session.ended)).toBe(130);
  expect(readFileSync(file, 'utf8')).toBe('[]\n');
  await succeed(world, ['down', '--quiet']);
  for (const words of [['--follow'], ['agg', '--write', 'x.json', '--follow']]) {
    const { code, stderr } = await dynamo(world, ['targets', ...words]);
    expect([code, stderr]).toEqual([64, expect.stringContaining('--follow')]);
  }
  const unwritable = await dynamo(world, ['targets', '--write', '/nowhere/targets.json']);
  expect([unwritable.code, unwritable.stderr]).toEqual([73, expect.stringContaining('cannot be written')]);
});

test('--observe: a process of the run, restarted when it dies, gone with it', async ({ world }) => {
  standIn(world, 'prometheus', prometheus);
  await up(world, 'disagg', ['--observe']);
  const observer = async () => (await ps(world))[0]?.processes.find(({ name }) => name === 'prometheus');
  const first = await observer();
  expect(first?.state).toBe('ready');
  process.kill(first?.pid ?? 0, 'SIGKILL');
  await until(
    'it is back',
    async () => {
      const now = await observer();
      return now?.state === 'ready' && now.pid !== first?.pid;
    },
    30_000,
  );
  // It is not a target of itself, and the rest was not touched.
  expect(await targetsOf(world)).toHaveLength(3);
  const others = (await ps(world))[0]?.processes.filter(({ name }) => name !== 'prometheus');
  expect(others?.map(({ restarts }) => restarts)).toEqual([0, 0, 0, 0]);
  await succeed(world, ['down', '--quiet']);
});

test('--observe receives spans, keeps them with the run, and the page shows them, also after its end', async ({
  world,
}) => {
  standIn(world, 'prometheus', prometheus);
  const { runId, processes } = await up(world, 'disagg', ['--observe']);
  const ports = processes.find(({ name }) => name === 'traces')?.ports ?? {};
  const send = async (path: string, body: Uint8Array<ArrayBuffer>, type = 'application/x-protobuf') => {
    const headers = { 'content-type': type };
    const url = `http://127.0.0.1:${ports['monitoring']}/v1/${path}`;
    return (await fetch(url, { method: 'POST', headers, body })).status;
  };
  const trace = Uint8Array.from(chatTrace());
  expect(await send('traces', trace)).toBe(200);
  // Exporters try again what is refused: metrics and logs are accepted, and what is no export is not.
  expect([await send('metrics', trace), await send('logs', trace)]).toEqual([200, 200]);
  expect([await send('traces', trace, 'application/json'), await send('none', trace)]).toEqual([415, 404]);
  expect(await send('traces', Uint8Array.from([255, 255, 255]))).toBe(400);

  const file = join(world.state, 'dynamo', 'runs', runId, 'spans.jsonl');
  const names = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { name: string }).name);
  expect(names).toEqual(['http-request', 'handle_payload', 'handle_payload']);
  const shown = async (): Promise<unknown> => {
    const served = await servePage(world);
    const stream = follow(served, `/api/stream?run=${runId}`);
    await stream.until(
      new RegExp(`"type":"requests".*"id":"${tracedRequest}".*"outputTokens":24.*"traced":true`),
    );
    stream.leave();
    const headers = { cookie: served.cookie };
    const { text } = await ask(served.port, { path: `/api/trace?id=${tracedRequest}`, headers });
    await leave(served);
    return (JSON.parse(text) as { spans: { name: string; depth: number }[] }).spans.map(({ depth }) => depth);
  };
  expect(await shown()).toEqual([0, 1, 1]);
  await succeed(world, ['down', '--quiet']);
  expect(await shown()).toEqual([0, 1, 1]);
});

test('--observe sends spans to the collector of the environment, if there is one', async ({ world }) => {
  standIn(world, 'prometheus', prometheus);
  const planned = async (env: Readonly<Record<string, string>>) => {
    const { stdout } = await succeed(world, ['plan', 'agg', '--engine', 'sim', '--observe', '--json'], {
      env,
    });
    return JSON.parse(stdout) as {
      processes: { name: string }[];
      choices: { what: string; value: string }[];
    };
  };
  const own = await planned({});
  expect(own.processes.map(({ name }) => name)).toEqual(['frontend', 'worker', 'traces', 'prometheus']);
  const theirs = await planned({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4317' });
  expect(theirs.processes.map(({ name }) => name)).toEqual(['frontend', 'worker', 'prometheus']);
  expect(theirs.choices).toContainEqual(
    expect.objectContaining({ what: 'traces', value: 'http://127.0.0.1:4317' }),
  );
});

test('--observe without Prometheus starts nothing, and says what to install', async ({ world }) => {
  const { code, stderr } = await dynamo(world, ['up', 'agg', '--engine', 'sim', '--observe']);
  expect([code, stderr]).toEqual([
    69,
    expect.stringMatching(
      /^error: --observe needs Prometheus, which is not on this host\.\nfix: sudo apt-get install prometheus/m,
    ),
  ]);
});

test('the board: panels do not overlap, every query is of a run, titles are unique', () => {
  const panels = board.panels.filter(({ type }) => type !== 'row');
  expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  const cells = board.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  for (const { query } of queries) expect(query).toContain('run=~');
});
