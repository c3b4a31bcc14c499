// What the programs of this folder share: `dynamo` with a state folder of its own, checks that are counted, GPU memory, and the
// living processes of a session, read from /proc and not from our code. They look at the GPUs of CUDA_VISIBLE_DEVICES (all, if
// it is not set), so that several can run at once on one machine, each on its own GPUs.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

export const repository = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** Options that these programs share, and `more`. What stands after `--` are options of `up`. */
export function argumentsOf(more) {
  return parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      package: { type: 'string', default: repository },
      // Other programs use the same GPUs at the same time: only memory that nvidia-smi lists for processes of this one counts.
      shared: { type: 'boolean', default: false },
      ...more,
    },
  });
}

// Arguments of SGLang that need neither weights nor long compilation, and leave memory to others.
export const light = [
  '--load-format=dummy',
  '--attention-backend=triton',
  '--sampling-backend=pytorch',
  '--cuda-graph-max-bs-decode=4',
  '--max-total-tokens=16384',
];
// Without FlashAttention 3, which SGLang takes for images by default.
export const lightImages = [...light, '--mm-attention-backend=triton_attn'];

export function smi(query) {
  const devices = process.env.CUDA_VISIBLE_DEVICES;
  const only = devices ? ['-i', devices] : [];
  return execFileSync('nvidia-smi', [...only, query, '--format=csv,noheader,nounits'], { encoding: 'utf8' });
}

/** MiB that nvidia-smi lists for processes that `isMeant` accepts. */
export function listedMiB(isMeant) {
  const rows = smi('--query-compute-apps=pid,used_gpu_memory').trim().split('\n');
  return rows
    .map((row) => row.split(',').map(Number))
    .filter(([pid]) => isMeant(pid))
    .reduce((sum, [, mib]) => sum + mib, 0);
}

const usedByAllMiB = () =>
  smi('--query-gpu=memory.used')
    .trim()
    .split('\n')
    .reduce((sum, row) => sum + Number(row), 0);

/** Living processes: pid, parent, session and command. Zombies do not count. */
export function processes() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        const [state, parent, , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        if (state === 'Z' || state === 'X') return [];
        return [{ pid: Number(pid), parent: Number(parent), session: Number(session), command }];
      } catch {
        return [];
      }
    });
}

/** Waits for `look` to return something true; `undefined` after the limit. */
export async function waitFor(look, seconds, everyMs = 50) {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (performance.now() > deadline) return undefined;
    await delay(everyMs);
  }
}

/** Sends one request. Returns its status, or what kept it from being answered. */
export async function send(url, [path, body], seconds = 60) {
  try {
    const answer = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(seconds * 1000),
    });
    const text = await answer.text();
    return { status: answer.status, text };
  } catch (error) {
    return { status: error.cause?.code ?? error.name, text: String(error) };
  }
}

export const chat = (content, tokens = 8) => [
  '/v1/chat/completions',
  { model: 'tiny', messages: [{ role: 'user', content }], max_tokens: tokens, ignore_eos: true },
];

/** `width` requests at a time until `stop()`, which returns how many had which outcome. */
export function keepSending(url, request, width = 4) {
  const outcomes = {};
  const over = new AbortController();
  const one = async () => {
    while (!over.signal.aborted) {
      const { status } = await send(url, request());
      outcomes[status] = (outcomes[status] ?? 0) + 1;
      // A refused connection is answered at once.
      if (status !== 200) await delay(100);
    }
  };
  const all = Array.from({ length: width }, one);
  return async () => {
    over.abort();
    await Promise.all(all);
    return outcomes;
  };
}

function environmentOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}

/**
 * `folder`: holds bin/, dist/ and launch-profiles/. Recordings go to $OUT/`name`, or ./`name`-recordings. `close()` ends every
 * run, and sets the exit code: 0 when every check holds.
 */
export function open(name, { package: folder, shared }) {
  const recordings = join(process.env.OUT ?? '.', process.env.OUT ? name : `${name}-recordings`);
  mkdirSync(recordings, { recursive: true });
  const root = mkdtempSync(join(tmpdir(), `${name}-`));
  const environment = {
    ...process.env,
    HF_HUB_OFFLINE: '1',
    XDG_STATE_HOME: join(root, 's'),
    XDG_RUNTIME_DIR: join(root, 'r'),
  };
  mkdirSync(environment.XDG_RUNTIME_DIR, { mode: 0o700 });
  const failures = [];
  const begun = performance.now();
  const say = (text) => console.log(`${((performance.now() - begun) / 1000).toFixed(2).padStart(8)} ${text}`);
  const check = (holds, what) => {
    say(`${holds ? 'ok    ' : 'FAILED'} ${what}`);
    if (!holds) failures.push(what);
  };

  async function dynamo(...words) {
    const child = spawn(process.execPath, [join(folder, 'bin', 'dynamo.js'), ...words], { env: environment });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    const began = performance.now();
    const code = await new Promise((done) => child.on('close', done));
    const tookMs = Math.round(performance.now() - began);
    return { code, stdout, stderr, tookMs, seconds: (tookMs / 1000).toFixed(1) };
  }

  // A process that sets its title overwrites what /proc says of its environment; the leader of its session does not.
  const sessions = new Set();
  const isOurs = (pid) => {
    const all = processes();
    for (const each of all) if (environmentOf(each.pid).includes(root)) sessions.add(each.session);
    return all.some((each) => each.pid === pid && sessions.has(each.session));
  };

  const lab = {
    /** MiB of GPU memory in use: by all, or with --shared by processes of this program. */
    usedMiB: () => (shared ? listedMiB(isOurs) : usedByAllMiB()),
    recordings,
    root,
    environment,
    dynamo,
    say,
    check,
    record: (file, text) => writeFileSync(join(recordings, file), text),
    async runs() {
      const { runs } = JSON.parse((await dynamo('ps', '--json')).stdout);
      for (const run of runs) for (const { pid } of run.processes) sessions.add(pid);
      return runs;
    },
    async until(what, look, seconds) {
      const seen = await waitFor(look, seconds);
      if (!seen) check(false, `${what} within ${seconds} s`);
      return seen;
    },
    /** Of every run whose id begins so. */
    keepLogs(prefix) {
      const all = join(environment.XDG_STATE_HOME, 'dynamo', 'runs');
      for (const runId of readdirSync(all)) {
        if (!runId.startsWith(prefix)) continue;
        mkdirSync(join(recordings, runId), { recursive: true });
        cpSync(join(all, runId, 'logs'), join(recordings, runId), { recursive: true });
        cpSync(join(all, runId, 'events.jsonl'), join(recordings, runId, 'events.jsonl'));
      }
    },
    async close() {
      await dynamo('down', '--all', '--now');
      rmSync(root, { recursive: true, force: true });
      say(failures.length === 0 ? 'every check holds' : `${failures.length} checks failed`);
      process.exitCode = failures.length === 0 ? 0 : 1;
    },
  };
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => void dynamo('down', '--all', '--now').finally(() => process.exit(130)));
  }
  return lab;
}

/** Seconds since then, as text. */
export const since = (then) => ((performance.now() - then) / 1000).toFixed(1);
