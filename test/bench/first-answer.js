// How long until the first answer of real processes: started by `dynamo up`, and the same processes started by hand, in turns.
// Also how long a worker takes to answer again after `dynamo restart` and after its death.
//
//   node test/bench/first-answer.js --rounds 4 -- agg --engine sglang --set device=cpu --python ENV --model test/real/models/tiny-gpt2
//
// By hand means the command lines and variables of our own plan, all started at once, and the proving request again and
// again until it is answered: the least that a person could wait. Prints one JSON object a measurement, then a summary.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { cli } from './measure.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '4' },
    /** Rounds that also restart a worker, and kill it. */
    restarts: { type: 'string', default: '0' },
    worker: { type: 'string', default: 'worker' },
  },
});
const [rounds, restarts] = [Number(values.rounds), Number(values.restarts)];

const folder = mkdtempSync(join(tmpdir(), 'first-answer-'));
const env = { ...process.env, XDG_STATE_HOME: folder, XDG_RUNTIME_DIR: folder };
/** Ten times a second, as nobody would ask faster by hand. */
const askEveryMs = 100;
const patienceMs = 1_800_000;

/** Resolves with what a command of ours wrote to stdout. */
async function dynamo(...args) {
  const child = spawn(process.execPath, [cli, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`dynamo ${args.join(' ')} ended with ${code}`);
  return output;
}

/** What `up` asks to prove that it serves, so that both wait for the same work. */
const asked = async () => {
  const { model, proof } = JSON.parse(await dynamo('plan', '--json', ...positionals));
  if (proof.request !== 'chat')
    throw new Error(`${positionals[0]} is proved by ${proof.request}; only chat is measured`);
  const messages = [{ role: 'user', content: proof.prompt }];
  return JSON.stringify({ model: model.servedName, messages, max_tokens: proof.maxTokens });
};

/** Resolves when a chat is answered with 200. */
async function answered(url, body) {
  const deadline = Date.now() + patienceMs;
  while (Date.now() < deadline) {
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(120_000),
    }).catch(() => undefined);
    if (answer?.status === 200) {
      await answer.text();
      return;
    }
    await answer?.body?.cancel();
    await new Promise((resolve) => setTimeout(resolve, askEveryMs));
  }
  throw new Error(`no answer within ${patienceMs} ms`);
}

function tell(what, begin, more = {}) {
  const seconds = (performance.now() - begin) / 1000;
  const load = loadavg()[0];
  process.stdout.write(`${JSON.stringify({ what, seconds: Number(seconds.toFixed(2)), load, ...more })}\n`);
  return seconds;
}

async function ours(body, shouldRestart) {
  const begin = performance.now();
  const { url, timings, processes } = JSON.parse(await dynamo('up', '--detach', '--json', ...positionals));
  const taken = { start: tell('up', begin, { timings }) };
  try {
    if (shouldRestart) {
      const restart = performance.now();
      await dynamo('restart', values.worker);
      await answered(url, body);
      taken.restart = tell('restart', restart);
      const before = JSON.parse(await dynamo('ps', '--json')).runs[0];
      const { pid } = before.processes.find(({ name }) => name === values.worker);
      const crash = performance.now();
      process.kill(pid, 'SIGKILL');
      // The frontend may answer 503 or 500 until the worker is back; 200 means that it serves again.
      await answered(url, body);
      taken.crash = tell('crash', crash, { processes: processes.length });
    }
  } finally {
    await dynamo('down');
  }
  return taken;
}

function gone(child) {
  return new Promise((resolve) =>
    (child.exitCode ?? child.signalCode) ? resolve() : child.on('exit', resolve),
  );
}

async function byHand(body, shouldRestart) {
  const plan = JSON.parse(await dynamo('plan', '--json', ...positionals));
  const logs = mkdtempSync(join(folder, 'hand-'));
  for (const { cwd, env: own } of plan.processes)
    for (const each of [cwd, own.TMPDIR, own.DYN_FILE_KV]) if (each) mkdirSync(each, { recursive: true });
  if (plan.modelLink !== undefined) {
    mkdirSync(dirname(plan.modelLink.path), { recursive: true });
    symlinkSync(plan.modelLink.target, plan.modelLink.path);
  }
  const start = ({ name, argv, env: own, cwd }) => {
    const log = openSync(join(logs, `${name}.log`), 'a');
    return spawn(argv[0], argv.slice(1), {
      cwd,
      env: { ...env, ...own },
      stdio: ['ignore', log, log],
      detached: true,
    });
  };
  const url = `http://127.0.0.1:${plan.http.port}`;
  const begin = performance.now();
  const running = new Map(plan.processes.map((spec) => [spec.name, start(spec)]));
  const taken = {};
  try {
    await answered(url, body);
    taken.start = tell('by hand', begin);
    const spec = plan.processes.find(({ name }) => name === values.worker);
    for (const [what, signal] of shouldRestart
      ? [
          ['restart', 'SIGTERM'],
          ['crash', 'SIGKILL'],
        ]
      : []) {
      const restart = performance.now();
      const old = running.get(values.worker);
      process.kill(old.pid, signal);
      await gone(old);
      running.set(values.worker, start(spec));
      await answered(url, body);
      taken[what] = tell(`${what} by hand`, restart);
    }
  } finally {
    for (const child of running.values()) {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
    await Promise.all([...running.values()].map(gone));
    rmSync(dirname(plan.processes[0].env.DYN_FILE_KV ?? logs), { recursive: true, force: true });
  }
  return taken;
}

/** Of few values: of an even number, the mean of the middle two. */
function middle(list) {
  const sorted = list.toSorted((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}

const text = (list) => `${middle(list).toFixed(1)} s (${list.map((each) => each.toFixed(1)).join(', ')})`;

const taken = { ours: [], 'by hand': [] };
try {
  const body = await asked();
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? ['ours', 'by hand'] : ['by hand', 'ours'];
    for (const who of order) taken[who].push(await (who === 'ours' ? ours : byHand)(body, round < restarts));
  }
  for (const what of ['start', 'restart', 'crash']) {
    const of = (who) => taken[who].flatMap((each) => each[what] ?? []);
    if (of('ours').length === 0) continue;
    // Both of a round ran under about the same load.
    const ratios = of('ours').map((each, round) => each / of('by hand')[round]);
    const listed = ratios.map((each) => each.toFixed(2)).join(', ');
    process.stdout.write(
      `${what}: ours ${text(of('ours'))}, by hand ${text(of('by hand'))}; ratios of a round ${listed}, median ${middle(ratios).toFixed(2)}\n`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
