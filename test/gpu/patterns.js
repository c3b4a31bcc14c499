// Every pattern with images, videos or a diffusion model, those with several roles on one GPU, and `disagg_router`, on real GPUs:
// `up`, the requests of `smoke`, SIGKILL of workers under load and of the supervisor, and GPU memory after each end.
//
//   node test/gpu/patterns.js [--only NAME,NAME] [--kill NAME,NAME] [--shared] --python FOLDER --models FOLDER [-- options of `up`]
//
// MODELS holds tiny-qwen2-vl, tiny-sdar (test/real/models), tiny-sd and tiny-wan (made by its scripts), and tiny-llama-config, a
// configuration and tokenizer of a Llama. Random weights, so the answers mean nothing; what counts is that every role serves.
// Needs nvidia-smi. Recordings go to $OUT/patterns, or ./patterns-recordings. Only processes of its own runs are ended.
import { join } from 'node:path';
import {
  argumentsOf,
  chat,
  keepSending,
  light,
  lightImages,
  open,
  processes,
  since,
  smi,
} from './harness.js';

const { values, positionals: more } = argumentsOf({
  python: { type: 'string' },
  models: { type: 'string' },
  // Names of processes that are killed, instead of those below: with other replicas they are called otherwise.
  kill: { type: 'string' },
});

const named = ['--set', 'servedModelName=tiny'];
const oneGpu = ['--set', 'singleGpu=true'];
const tinyVideo = ['width=64', 'height=64', 'numFrames=5', 'numInferenceSteps=2'];

/** `kill`: processes that are killed under load, one after the other; each must serve again. */
const patterns = [
  {
    name: 'vision',
    model: 'tiny-qwen2-vl',
    args: named,
    worker: [...lightImages, '--mem-fraction-static=0.3'],
    kill: ['worker'],
  },
  {
    name: 'multimodal_epd',
    model: 'tiny-qwen2-vl',
    args: [...named, ...oneGpu],
    worker: [...lightImages, '--mem-fraction-static=0.25'],
    kill: ['encode'],
  },
  {
    name: 'multimodal_disagg',
    model: 'tiny-qwen2-vl',
    args: [...named, ...oneGpu],
    worker: [...lightImages, '--mem-fraction-static=0.25'],
    kill: ['decode'],
  },
  {
    name: 'diffusion',
    model: 'tiny-sd',
    args: [...named, '--set', 'proof.size=64x64'],
    worker: [],
    kill: ['worker'],
  },
  {
    name: 'video',
    model: 'tiny-wan',
    args: [...named, ...tinyVideo.flatMap((each) => ['--set', each])],
    worker: [],
    kill: ['worker'],
  },
  {
    name: 'diffusion_lm',
    model: 'tiny-sdar',
    args: named,
    worker: [...light, '--mem-fraction-static=0.3'],
    kill: ['worker'],
  },
  {
    name: 'disagg_router',
    model: 'tiny-llama-config',
    args: named,
    worker: [...light, '--mem-fraction-static=0.3'],
    kill: ['prefill-1', 'decode-2'],
  },
];

const requests = {
  diffusion: ['/v1/images/generations', { model: 'tiny', prompt: 'a cat', size: '64x64', n: 1 }],
  video: ['/v1/videos', { model: 'tiny', prompt: 'a cat', size: '64x64', seconds: 1 }],
};

const lab = open('patterns', values);
const { say, check, dynamo, record, usedMiB } = lab;
const sessionOf = (sessions) => processes().filter(({ session }) => sessions.includes(session));

async function play(pattern) {
  const { name, model, args, worker, kill } = pattern;
  say(`--- ${name}`);
  const before = usedMiB();
  const rest = worker.length === 0 ? [] : ['--', ...worker];
  const chosen = ['--engine', 'sglang', '--python', values.python, '--model', join(values.models, model)];
  const up = await dynamo(
    'up',
    name,
    '--detach',
    '--timings',
    '--timeout',
    '280',
    ...chosen,
    ...args,
    ...more,
    ...rest,
  );
  record(`${name}.up.txt`, up.stdout + up.stderr);
  check(up.code === 0, `up ended with ${up.code} after ${up.seconds} s`);
  if (up.code !== 0) {
    say(up.stderr.slice(-2500));
    return;
  }
  for (const line of (up.stderr + up.stdout).match(/^ *Proof .*$/gm) ?? ['no proof line']) say(line.trim());
  const [run] = await lab.runs();
  record(`${name}.tree.json`, JSON.stringify(sessionOf(run.processes.map(({ pid }) => pid)), undefined, 2));
  record(`${name}.compute-apps.csv`, smi('--query-compute-apps=gpu_uuid,pid,process_name,used_gpu_memory'));
  say(`${usedMiB() - before} MiB of GPU memory used`);
  await smoke(name, run, '');
  for (const victim of values.kill?.split(',') ?? kill) await killUnderLoad(name, victim, run);
  await killSupervisor(before);
}

async function smoke(name, run, when) {
  const { code, seconds, stdout, stderr } = await dynamo('smoke', name, '--url', run.url);
  record(`${name}.smoke${when.replaceAll(' ', '-')}.txt`, stdout + stderr);
  const failed = stdout.split('\n').filter((line) => /failed/.test(line));
  check(code === 0, `smoke${when} ended with ${code} after ${seconds} s; ${failed.join('; ')}`);
}

async function killUnderLoad(name, victim, run) {
  const old = (await lab.runs())[0].processes.find((each) => each.name === victim);
  if (old?.state !== 'ready') {
    check(false, `${victim} serves before it is killed: it is ${old?.state}`);
    return;
  }
  let sent = 0;
  const request = () => requests[name] ?? chat(`Hello ${++sent}!`, 64);
  const stop = keepSending(run.url, request);
  process.kill(old.pid, 'SIGKILL');
  const killed = performance.now();
  const again = await lab.until(
    `${victim} to be ready again`,
    async () => {
      const found = (await lab.runs())[0]?.processes.find((each) => each.name === victim);
      return found?.state === 'ready' && found.pid !== old.pid;
    },
    200,
  );
  if (again) say(`${victim} ready again ${since(killed)} s after its SIGKILL`);
  say(`outcome of the requests sent since then: ${JSON.stringify(await stop())}`);
  await smoke(name, run, ` after SIGKILL of ${victim}`);
}

async function killSupervisor(before) {
  const [live] = await lab.runs();
  process.kill(live.supervisorPid, 'SIGKILL');
  const killed = performance.now();
  const members = live.processes.map(({ pid }) => pid);
  await lab.until(
    'nothing left after SIGKILL of the supervisor',
    () => sessionOf(members).length === 0 && usedMiB() <= before + 16,
    60,
  );
  say(`${since(killed)} s after SIGKILL of the supervisor nothing is left, ${usedMiB()} MiB used`);
}

const asked = values.only?.split(',');
try {
  for (const pattern of patterns.filter(({ name }) => asked === undefined || asked.includes(name))) {
    try {
      await play(pattern);
    } finally {
      lab.keepLogs(`${pattern.name}-`);
    }
  }
} catch (error) {
  check(false, String(error?.stack ?? error));
} finally {
  await lab.close();
}
