/** Process faults injected by flags, to test how the launcher reacts: crashes, escaped children, downloads, a standstill. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { amount, onOff, text, type Values, whole } from './flags.ts';
import { exitWith, log } from './log.ts';

export const faultFlags = {
  'startup-time': amount,
  'crash-after': amount,
  'exit-after': amount,
  'exit-code': whole(0, 255),
  'kill-after': amount,
  'eat-memory': whole(1),
  'replay-log': text,
  'draw-download': amount,
  'download-into': text,
  'ignore-sigterm': onOff,
  'cut-streams': onOff,
  'spawn-children': whole(0),
  'escape-children': whole(0),
  schedulers: whole(0),
};

/** Whatever computes waits here while the engine stands still; the status server and the metrics go on. */
export interface Standstill {
  holds(): boolean;
  /** Settles when the engine runs, or `signal` aborts. */
  over(signal: AbortSignal): Promise<void>;
  begin(): void;
  end(): void;
  /** Called before each step of the engine too: `look` begins or ends it. */
  watch(look: () => void): void;
}

export function standstill(): Standstill {
  let held: AbortController | undefined;
  let look: (() => void) | undefined;
  return {
    holds: () => {
      look?.();
      return held !== undefined;
    },
    over: async (signal) => {
      look?.();
      const until = held === undefined ? undefined : AbortSignal.any([held.signal, signal]);
      if (until?.aborted === false) await once(until, 'abort');
    },
    begin: () => void (held ??= new AbortController()),
    end: () => {
      held?.abort();
      held = undefined;
    },
    watch: (given) => void (look = given),
  };
}

/** `engine.onLost`: running streams fail, as when SGLang's scheduler exits. */
export async function injectFaults(
  faults: Values<typeof faultFlags>,
  stop: AbortSignal,
  engine: { readonly onLost: () => void; readonly standstill: Standstill } = {
    onLost: () => {},
    standstill: standstill(),
  },
): Promise<void> {
  after(faults['crash-after'], () => exitWith(1, traceback));
  after(faults['exit-after'], () => process.exit(faults['exit-code'] ?? 0));
  after(faults['kill-after'], () => process.kill(process.pid, 'SIGKILL'));
  eatMemory(faults['eat-memory'] ?? 0);
  await replay(faults);
  const [staying, escaping] = [faults['spawn-children'] ?? 0, faults['escape-children'] ?? 0];
  const schedulers = faults.schedulers ?? 0;
  if (staying + escaping + schedulers === 0) return;

  const { spawn } = await import('node:child_process');
  const start = (argv0: string, detached: boolean): ChildProcess => {
    // Children keep the worker's stderr open, as SGLang's scheduler and detokenizer do.
    const child = spawn('sleep', ['86400'], { argv0, detached, stdio: 'inherit' });
    child.on('error', () => {}).unref();
    return child;
  };
  // A clean stop ends the ordinary children too; a crash or SIGKILL leaves all of them running.
  for (let i = 0; i < staying; i++) {
    const child = start('sleep', false);
    stop.addEventListener('abort', () => child.kill('SIGKILL'));
  }
  for (let i = 0; i < escaping; i++) start('sleep', true);
  const serving = Array.from({ length: schedulers }, () => start('sim::scheduler', false));
  for (const [index, scheduler] of serving.entries()) serveBy(scheduler, index, stop, engine.onLost);
  if (schedulers > 0) standStillWith(serving, engine.standstill);
}

const lookMs = 100;

/** A scheduler that is suspended computes nothing from then on, and the engine with it. */
function standStillWith(schedulers: readonly ChildProcess[], engine: Standstill): void {
  let held = false;
  const look = (): void => {
    const holds = schedulers.some(suspended);
    if (holds === held) return;
    held = holds;
    if (holds) engine.begin();
    else engine.end();
  };
  engine.watch(look);
  setInterval(look, lookMs).unref();
}

/**
 * A scheduler runs until its worker has drained and ends it. SIGTERM ends it at once, and its requests fail
 * (docs/upstream/processes.md#stopping-an-sglang-worker). If it is killed by anything else, requests hang and its worker
 * does not notice.
 */
function serveBy(scheduler: ChildProcess, index: number, stop: AbortSignal, onLost: () => void): void {
  scheduler.once('exit', (_, signal) => {
    if (signal !== 'SIGTERM') return;
    const crash = `Subprocess scheduler_${index} (pid=${scheduler.pid}) crashed with exit code -15`;
    log('ERROR', 'sim::engine', crash);
    onLost();
  });
  process.once('exit', () => void (stop.aborted && scheduler.kill('SIGKILL')));
}

function suspended({ pid }: ChildProcess): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.startsWith('T') === true;
  } catch {
    return false; // It has ended, or this system has no /proc.
  }
}

/** In steps, so that the process grows as a real one does. */
function eatMemory(mebibytes: number): void {
  const eaten: Buffer[] = [];
  const timer = setInterval(() => {
    if (eaten.length * 20 >= mebibytes) clearInterval(timer);
    else eaten.push(Buffer.alloc(20 * 1024 ** 2, 1));
  }, 20).unref();
}

/** Replays the log of a real worker, and imitates its download: a progress bar that redraws itself, a growing file. */
async function replay(faults: Values<typeof faultFlags>): Promise<void> {
  const [file, drawn, into] = [faults['replay-log'], faults['draw-download'], faults['download-into']];
  if (file === undefined && drawn === undefined && into === undefined) return;
  if (file !== undefined) process.stderr.write(readFileSync(file));
  if (drawn !== undefined) drawDownload(drawn);
  if (into !== undefined) growFile(into);
}

function after(seconds: number | undefined, run: () => void): void {
  if (seconds !== undefined) setTimeout(run, seconds * 1000).unref();
}

const traceback = `Traceback (most recent call last):
  File "sim/worker.py", line 1, in <module>
    main()
RuntimeError: simulated crash because of --crash-after`;

const stepMs = 100;
const totalGB = 5;

/** huggingface_hub's tqdm bar for one file, over `seconds`; there is no newline until it is full. */
function drawDownload(seconds: number): void {
  const begin = performance.now();
  const draw = (): void => {
    const share = Math.min(1, (performance.now() - begin) / (seconds * 1000));
    const percent = String(Math.floor(share * 100)).padStart(3);
    const bar = '█'.repeat(Math.floor(share * 10)).padEnd(10);
    const size = `${(share * totalGB).toFixed(2)}G/${totalGB.toFixed(2)}G`;
    const end = share === 1 ? '\n' : '';
    process.stderr.write(`\rmodel.safetensors: ${percent}%|${bar}| ${size} [00:01<00:01, 105MB/s]${end}`);
    if (share === 1) clearInterval(timer);
  };
  const timer = setInterval(draw, stepMs);
  draw();
}

/** As Dynamo's own downloader, which logs nothing: a growing file in the hub's cache. */
function growFile(folder: string): void {
  mkdirSync(folder, { recursive: true });
  setInterval(() => appendFileSync(join(folder, '.modelexpress-sim'), Buffer.alloc(65_536)), stepMs).unref();
}
