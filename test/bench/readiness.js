// From the moment when an HTTP probe would first succeed to our word "ready", beside a bare Node loop at 50 ms.
import { readdir, readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { cli, percentile, timed, until, withOwnState } from './measure.js';

const rounds = 8;
const workers = 3;

const probe = (port) =>
  new Promise((resolve) => {
    const call = request({ port, path: '/health', agent: false, timeout: 1000 }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode === 200 ? true : undefined));
    });
    call.on('error', () => resolve(undefined)).end();
  });

/** The clock of a bare loop that polls every 50 ms starts at a random moment, as a user's would. */
async function bareLoop(port) {
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 50));
  while ((await probe(port)) === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
  return Date.now();
}

/** The worker writes the time when it registers, which is when its status turns to 200: asking more often would disturb. */
async function readyTime(logFile) {
  const line = (await readFile(logFile, 'utf8'))
    .split('\n')
    .find((text) => text.includes('Registered endpoint'));
  return Date.parse(line.slice(0, 23) + 'Z');
}

async function planOf(folder) {
  const runs = join(folder, 'dynamo', 'runs');
  for (const run of await readdir(runs).catch(() => [])) {
    const text = await readFile(join(runs, run, 'plan.json'), 'utf8').catch(() => undefined);
    if (text !== undefined) return JSON.parse(text);
  }
  return undefined;
}

async function round(env, folder) {
  const seconds = (0.3 + Math.random() * 0.7).toFixed(3);
  const args = [
    'up',
    'agg',
    '--engine',
    'sim',
    '--detach',
    '--replicas',
    `worker=${workers}`,
    '--',
    '--startup-time',
    seconds,
  ];
  const running = timed(process.execPath, [cli, ...args], { env });
  const plan = await until(() => planOf(folder), 10_000, 'a plan');
  const workersOf = plan.processes.filter(({ kind }) => kind === 'worker');
  const bare = await Promise.all(workersOf.map(({ ports }) => bareLoop(ports.system)));
  await running;
  const events = (await readFile(join(plan.runFolder, 'events.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const first = await Promise.all(workersOf.map(({ logFile }) => readyTime(logFile)));
  await timed(process.execPath, [cli, 'down'], { env });
  return workersOf.map(({ name }, i) => {
    const ready = events.find(
      (event) => event.type === 'process' && event.process === name && event.state === 'ready',
    );
    return { ours: Math.max(0, ready.at - first[i]), bare: Math.max(0, bare[i] - first[i]) };
  });
}

const words = (values) => `p50 ${percentile(values, 0.5)} ms, p95 ${percentile(values, 0.95)} ms`;

export async function readiness() {
  const samples = [];
  for (let i = 0; i < rounds; i++) samples.push(...(await withOwnState(round)));
  return {
    dynamo: words(samples.map(({ ours }) => ours)),
    'bare Node loop, 50 ms': words(samples.map(({ bare }) => bare)),
    samples: samples.length,
    goal: 'p50 ≤ 40 ms, p95 ≤ 70 ms',
  };
}
