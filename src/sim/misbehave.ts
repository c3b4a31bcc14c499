/** Faults on request, so that tests can see what the launcher makes of them. */
import type { ChildProcess } from 'node:child_process';
import { amount, onOff, text, whole, type Values } from './flags.ts';
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

/** `onEngineLost`: streams in flight fail, as when SGLang's scheduler ends. */
export async function misbehave(
  faults: Values<typeof faultFlags>,
  stop: AbortSignal,
  onEngineLost: () => void = () => {},
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
    // Children keep the worker's stderr open, as SGLang's scheduler and detokenizer keep its log file.
    const child = spawn('sleep', ['86400'], { argv0, detached, stdio: 'inherit' });
    child.on('error', () => {}).unref();
    return child;
  };
  // A clean stop takes the ordinary ones along; a crash or a SIGKILL leaves all of them behind.
  for (let i = 0; i < staying; i++) {
    const child = start('sleep', false);
    stop.addEventListener('abort', () => child.kill('SIGKILL'));
  }
  for (let i = 0; i < escaping; i++) start('sleep', true);
  for (let i = 0; i < schedulers; i++) serveBy(start('sim::scheduler', false), i, stop, onEngineLost);
}

/**
 * A scheduler serves until its worker has finished its work and ends it. SIGTERM ends it at once, with all that it serves
 * (docs/upstream/processes.md#stopping-an-sglang-worker); one that is killed otherwise leaves requests hanging, and its
 * worker does not notice.
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

/** In steps, so that the kernel sees a process that grows. */
function eatMemory(mebibytes: number): void {
  const eaten: Buffer[] = [];
  const timer = setInterval(() => {
    if (eaten.length * 20 >= mebibytes) clearInterval(timer);
    else eaten.push(Buffer.alloc(20 * 1024 ** 2, 1));
  }, 20).unref();
}

/** Says what a real worker said, and downloads as one does: a bar that is drawn over itself, a file that grows. */
async function replay(faults: Values<typeof faultFlags>): Promise<void> {
  const [file, drawn, into] = [faults['replay-log'], faults['draw-download'], faults['download-into']];
  if (file === undefined && drawn === undefined && into === undefined) return;
  const { readFileSync } = await import('node:fs');
  if (file !== undefined) process.stderr.write(readFileSync(file));
  const { drawDownload, growFile } = await import('./download.ts');
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
