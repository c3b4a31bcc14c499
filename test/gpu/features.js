// What a run does while it serves, on real GPUs with SGLang and random weights: a scheduler that stands still is found, blocks
// come back from host memory (HiCache), workers are added, removed and replaced under load.
//
//   node test/gpu/features.js [--only NAME,NAME] [--package FOLDER] --python FOLDER --model FOLDER [-- options of `up`]
//
// MODEL: a configuration and tokenizer of a small Llama. `scale` needs two GPUs, the others one. Needs nvidia-smi. Recordings go
// to $OUT/features, or ./features-recordings. Only processes of its own runs are ended.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { argumentsOf, chat, keepSending, light, open, processes, send, since } from './harness.js';

const { values, positionals: more } = argumentsOf({
  python: { type: 'string' },
  model: { type: 'string' },
});
const lab = open('features', values);
const { say, check, dynamo, record, usedMiB } = lab;

async function up(profile, options, worker = []) {
  const chosen = ['--engine', 'sglang', '--python', values.python, '--model', values.model];
  const all = [...chosen, '--set', 'servedModelName=tiny', ...options, ...more];
  const rest = ['--', ...light, '--mem-fraction-static=0.3', ...worker];
  const { code, stdout, stderr, seconds } = await dynamo(
    'up',
    profile,
    '--detach',
    '--timings',
    '--timeout',
    '280',
    ...all,
    ...rest,
  );
  record(`${profile}-${++started}.up.txt`, stdout + stderr);
  check(code === 0, `up ${profile} ${options.join(' ')} ended with ${code} after ${seconds} s`);
  if (code !== 0) throw new Error(stderr.slice(-2500));
  return (await lab.runs())[0];
}
let started = 0;

/** Of a live run, from its file: `dynamo events` would follow it. */
const events = ({ runId }, type) =>
  readFileSync(join(lab.environment.XDG_STATE_HOME, 'dynamo', 'runs', runId, 'events.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .filter((each) => each.type === type);

async function down(before) {
  const { code, seconds, stdout, stderr } = await dynamo('down');
  record(`down-${started}.txt`, stdout + stderr);
  check(code === 0 && usedMiB() <= before + 16, `down after ${seconds} s, ${usedMiB()} MiB used`);
}

/** The scheduler is stopped with requests in flight; upstream's main process goes on answering health checks. */
async function standstill() {
  const before = usedMiB();
  const run = await up('agg', []);
  const worker = run.processes.find(({ name }) => name === 'worker');
  const stop = keepSending(run.url, () => chat(`Tell me of ${Math.random()}`, 200), 2);
  const [scheduler] = processes().filter(
    ({ session, command }) => session === worker.pid && command.startsWith('sglang::scheduler'),
  );
  process.kill(scheduler.pid, 'SIGSTOP');
  const began = performance.now();
  const [found] =
    (await lab.until(
      'the standstill to be found',
      () => {
        const seen = events(run, 'unhealthy');
        return seen.length > 0 && seen;
      },
      90,
    )) ?? [];
  if (found) {
    say(`found after ${since(began)} s: ${found.seen}`);
    check((performance.now() - began) / 1000 < 60, 'within 60 s');
  }
  const again = await lab.until(
    'the worker to be ready again',
    async () => {
      const now = (await lab.runs())[0].processes.find(({ name }) => name === 'worker');
      return now.state === 'ready' && now.pid !== worker.pid;
    },
    200,
  );
  if (again) say(`ready again ${since(began)} s after SIGSTOP`);
  say(`outcome of the requests since then: ${JSON.stringify(await stop())}`);
  check((await send(run.url, chat('Hello!'))).status === 200, 'and it serves');
  await down(before);
}

const words = (seed) => Array.from({ length: 900 }, (_, at) => `w${(seed * 7919 + at * 31) % 9973}`);

/** The GPU's cache holds three of six prompts; each comes back from host memory when it is asked again. */
async function hicache() {
  const before = usedMiB();
  const set = ['pageSize=64', 'components.worker.hierarchicalCache.sizeGB=2'];
  const run = await up(
    'agg',
    set.flatMap((each) => ['--set', each]),
    ['--max-total-tokens=8192'],
  );
  const prompts = [1, 2, 3, 4, 5, 6].map((seed) => chat(words(seed).join(' ').slice(0, 4200), 4));
  for (const round of ['first', 'again']) {
    const answers = [];
    for (const prompt of prompts) answers.push(JSON.parse((await send(run.url, prompt)).text));
    const usage = answers.map((each) => each.usage ?? each);
    record(`hicache.${round}.json`, JSON.stringify(usage, undefined, 2));
    const said = usage.map(
      (each) => `${each.prompt_tokens_details?.cached_tokens ?? '?'}/${each.prompt_tokens}`,
    );
    say(`${round}: cached/prompt tokens ${said.join(', ')}`);
  }
  const { system } = run.processes.find(({ name }) => name === 'worker').ports;
  const page = await (await fetch(`http://127.0.0.1:${system}/metrics`)).text();
  record('hicache.metrics.txt', page);
  const hits = page
    .split('\n')
    .filter((line) => /^sglang:(cached_tokens_total|load_back_tokens_total|hicache_host)/.test(line));
  for (const line of hits)
    say(line.replace(/\{.*(cache_source="\w+").*\}/, '{$1}').replace(/\{[^}]{60,}\}/, ''));
  const fromHost = hits.find((line) => line.includes('cache_source="host"'));
  check(Number(fromHost?.split(' ').at(-1)) > 0, 'tokens came back from host memory');
  await down(before);
}

const pidOf = async (name) => (await lab.runs())[0].processes.find((each) => each.name === name)?.pid;

/** One worker to two and back, then another argument for the only worker: under load, nothing fails. */
async function scale() {
  const before = usedMiB();
  const run = await up('agg_router', ['--replicas', 'worker=1']);
  let sent = 0;
  const stop = keepSending(run.url, () => chat(`Hello ${++sent}!`, 64));
  const frontend = await pidOf('frontend');
  for (const count of [2, 1]) {
    const { code, seconds, stdout, stderr } = await dynamo('scale', `worker=${count}`);
    record(`scale-${count}.txt`, stdout + stderr);
    check(code === 0, `scale worker=${count} ended with ${code} after ${seconds} s; ${usedMiB()} MiB used`);
  }
  const replaced = await up('agg_router', [
    '--replicas',
    'worker=1',
    '--set',
    'pageSize=32',
    '--replace',
  ]).catch((error) => check(false, String(error)));
  if (replaced) say(`replaced: ${replaced.processes.map(({ name, pid }) => `${name} ${pid}`).join(', ')}`);
  check((await pidOf('frontend')) === frontend, 'the frontend is the same process');
  const outcomes = await stop();
  say(`outcomes of ${sent} requests: ${JSON.stringify(outcomes)}`);
  check(outcomes[200] === sent, 'every request was answered');
  await down(before);
}

const features = { standstill, hicache, scale };
try {
  for (const name of values.only?.split(',') ?? Object.keys(features)) {
    say(`--- ${name}`);
    try {
      await features[name]();
    } catch (error) {
      check(false, String(error?.stack ?? error));
      await dynamo('down', '--all', '--now');
    }
  }
  lab.keepLogs('agg');
} finally {
  await lab.close();
}
