// Every pattern with images, videos or a diffusion model, and those with several roles on one GPU, on a real GPU: `up`, the
// requests of `smoke`, SIGKILL of a worker under load and of the supervisor, and GPU memory after each end.
//
//   node test/gpu/patterns.js [--only NAME,NAME] [--package FOLDER] --python FOLDER --models FOLDER [-- options of `up`]
//
// MODELS holds tiny-qwen2-vl, tiny-sdar, tiny-sd and tiny-wan (test/real/models; the last two are made by its scripts).
// Random weights, so the answers mean nothing; what counts is that every role serves. Needs nvidia-smi. Recordings go to
// $OUT/patterns, or ./pattern-recordings. Ends with 0 when every check holds. Only processes of its own runs are ended.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const { values, positionals: more } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    package: { type: 'string', default: resolve(here, '../..') },
    python: { type: 'string' },
    models: { type: 'string' },
  },
});
const recordings = join(process.env.OUT ?? '.', process.env.OUT ? 'patterns' : 'pattern-recordings');
mkdirSync(recordings, { recursive: true });
const root = mkdtempSync(join(tmpdir(), 'patterns-'));
const environment = {
  ...process.env,
  HF_HUB_OFFLINE: '1',
  XDG_STATE_HOME: join(root, 's'),
  XDG_RUNTIME_DIR: join(root, 'r'),
};
mkdirSync(environment.XDG_RUNTIME_DIR, { mode: 0o700 });

// Arguments of SGLang that need neither weights nor long compilation.
// The last one also works without FlashAttention 3, which only images need.
const light = [
  '--load-format=dummy',
  '--attention-backend=triton',
  '--sampling-backend=pytorch',
  '--cuda-graph-max-bs-decode=4',
  '--mm-attention-backend=triton_attn',
];
const named = ['--set', 'servedModelName=tiny'];
const oneGpu = ['--set', 'singleGpu=true'];
const tinyVideo = ['width=64', 'height=64', 'numFrames=5', 'numInferenceSteps=2'];

/** `kill`: the process that is killed under load, and must serve again. */
const patterns = [
  {
    name: 'vision',
    model: 'tiny-qwen2-vl',
    args: named,
    worker: [...light, '--mem-fraction-static=0.1'],
    kill: 'worker',
  },
  {
    name: 'multimodal_epd',
    model: 'tiny-qwen2-vl',
    args: [...named, ...oneGpu],
    worker: [...light, '--mem-fraction-static=0.2'],
  },
  {
    name: 'multimodal_disagg',
    model: 'tiny-qwen2-vl',
    args: [...named, ...oneGpu],
    worker: [...light, '--mem-fraction-static=0.2'],
  },
  {
    name: 'diffusion',
    model: 'tiny-sd',
    args: [...named, '--set', 'proof.size=64x64'],
    worker: [],
    kill: 'worker',
  },
  {
    name: 'video',
    model: 'tiny-wan',
    args: [...named, ...tinyVideo.flatMap((each) => ['--set', each])],
    worker: [],
    kill: 'worker',
  },
  { name: 'diffusion_lm', model: 'tiny-sdar', args: named, worker: [...light, '--mem-fraction-static=0.1'] },
];

const failures = [];
const begun = performance.now();
const say = (text) => console.log(`${((performance.now() - begun) / 1000).toFixed(2).padStart(8)} ${text}`);
const check = (holds, what) => {
  say(`${holds ? 'ok    ' : 'FAILED'} ${what}`);
  if (!holds) failures.push(what);
};
const record = (name, text) => writeFileSync(join(recordings, name), text);

const smi = (query) =>
  execFileSync('nvidia-smi', [query, '--format=csv,noheader,nounits'], { encoding: 'utf8' });
const usedMiB = () =>
  smi('--query-gpu=memory.used')
    .trim()
    .split('\n')
    .reduce((sum, row) => sum + Number(row), 0);

async function until(what, look, seconds) {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (performance.now() > deadline) {
      check(false, `${what} within ${seconds} s`);
      return undefined;
    }
    await delay(50);
  }
}

async function dynamo(...words) {
  const child = spawn(process.execPath, [join(values.package, 'bin', 'dynamo.js'), ...words], {
    env: environment,
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const began = performance.now();
  const code = await new Promise((done) => child.on('close', done));
  return { code, stdout, stderr, seconds: ((performance.now() - began) / 1000).toFixed(1) };
}

const runs = async () => JSON.parse((await dynamo('ps', '--json')).stdout).runs;

/** Living processes of a session: pid and command. */
function sessionOf(sessions) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        const [state, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        if (state === 'Z' || state === 'X' || !sessions.includes(Number(session))) return [];
        return [
          {
            pid: Number(pid),
            command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(),
          },
        ];
      } catch {
        return [];
      }
    });
}

const chat = { model: 'tiny', messages: [{ role: 'user', content: 'Hello!' }], max_tokens: 8 };
const requests = {
  diffusion: ['/v1/images/generations', { model: 'tiny', prompt: 'a cat', size: '64x64', n: 1 }],
  video: ['/v1/videos', { model: 'tiny', prompt: 'a cat', size: '64x64', seconds: 1 }],
};

/** The status of a request that may fail while its worker is away. */
async function load(url, { name }) {
  const [path, body] = requests[name] ?? ['/v1/chat/completions', chat];
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  await answer.text();
  return answer.status;
}

async function play(pattern) {
  const { name, model, args, worker, kill } = pattern;
  say(`--- ${name}`);
  const before = usedMiB();
  const rest = worker.length === 0 ? [] : ['--', ...worker];
  const chosen = ['--engine', 'sglang', '--python', values.python, '--model', join(values.models, model)];
  const up = await dynamo('up', name, '--detach', '--timeout', '280', ...chosen, ...args, ...more, ...rest);
  record(`${name}.up.txt`, up.stdout + up.stderr);
  check(up.code === 0, `up ended with ${up.code} after ${up.seconds} s`);
  if (up.code !== 0) {
    say(up.stderr.slice(-2500));
    keepLogs(name);
    return;
  }
  say(/Proof .*/.exec(up.stderr + up.stdout)?.[0] ?? 'no proof line');
  const [run] = await runs();
  const sessions = run.processes.map(({ pid }) => pid);
  record(`${name}.tree.json`, JSON.stringify(sessionOf(sessions), undefined, 2));
  record(`${name}.compute-apps.csv`, smi('--query-compute-apps=gpu_uuid,pid,process_name,used_gpu_memory'));
  say(`${usedMiB() - before} MiB of GPU memory used`);
  const smoke = await dynamo('smoke', name, '--url', run.url);
  record(`${name}.smoke.txt`, smoke.stdout + smoke.stderr);
  check(
    smoke.code === 0,
    `smoke --url ended with ${smoke.code} after ${smoke.seconds} s: ${smoke.stdout.trim().split('\n').at(-1)}`,
  );
  if (kill !== undefined) await killUnderLoad(pattern, run);
  const [live] = await runs();
  process.kill(live.supervisorPid, 'SIGKILL');
  const killed = performance.now();
  const members = live.processes.map(({ pid }) => pid);
  await until(
    'nothing left after SIGKILL of the supervisor',
    () => sessionOf(members).length === 0 && usedMiB() <= before + 16,
    60,
  );
  say(
    `${((performance.now() - killed) / 1000).toFixed(1)} s after SIGKILL of the supervisor nothing is left, ${usedMiB()} MiB used`,
  );
  keepLogs(name);
}

async function killUnderLoad(pattern, run) {
  const victim = run.processes.find((each) => each.name === pattern.kill);
  const pending = Array.from({ length: 4 }, () => load(run.url, pattern).catch(String));
  await delay(100);
  process.kill(victim.pid, 'SIGKILL');
  const killed = performance.now();
  say(`outcome of the requests in flight: ${(await Promise.all(pending)).join(', ')}`);
  const again = await until(
    `${pattern.kill} to be ready again`,
    async () => {
      const found = (await runs())[0]?.processes.find((each) => each.name === pattern.kill);
      return found?.state === 'ready' && found.pid !== victim.pid;
    },
    200,
  );
  if (again)
    say(
      `${pattern.kill} ready again ${((performance.now() - killed) / 1000).toFixed(1)} s after its SIGKILL`,
    );
  const smoke = await dynamo('smoke', pattern.name, '--url', run.url);
  check(smoke.code === 0, `smoke --url after that ended with ${smoke.code}`);
}

function keepLogs(name) {
  const folder = join(environment.XDG_STATE_HOME, 'dynamo', 'runs');
  for (const runId of readdirSync(folder)) {
    if (!runId.startsWith(`${name}-`)) continue;
    mkdirSync(join(recordings, name), { recursive: true });
    cpSync(join(folder, runId, 'logs'), join(recordings, name), { recursive: true });
  }
}

const asked = values.only?.split(',');
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => void dynamo('down', '--all', '--now').finally(() => process.exit(130)));
}
try {
  for (const pattern of patterns.filter(({ name }) => asked === undefined || asked.includes(name)))
    await play(pattern);
} finally {
  await dynamo('down', '--all', '--now');
  rmSync(root, { recursive: true, force: true });
}
say(failures.length === 0 ? 'every check holds' : `${failures.length} checks failed`);
process.exitCode = failures.length === 0 ? 0 : 1;
