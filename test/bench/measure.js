// Times processes, and summarizes lists of numbers.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const cli = new URL('../../bin/dynamo.js', import.meta.url).pathname;

/** Runs a command, discards its output, and resolves with wall time in milliseconds and exit code. */
export async function timed(command, args, options = {}) {
  const begin = performance.now();
  const child = spawn(command, args, { stdio: 'ignore', ...options });
  const code = await new Promise((resolve, reject) => child.on('exit', resolve).on('error', reject));
  return { ms: performance.now() - begin, code };
}

export function percentile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

export const median = (values) => percentile(values, 0.5);

/** Polls every 2 ms until `check` returns a value. */
export async function until(check, timeoutMs, what) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Calls `measure` with an environment that has its own state folder, so that no run of the user is touched. */
export async function withOwnState(measure) {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    return await measure({ ...process.env, XDG_STATE_HOME: folder, XDG_RUNTIME_DIR: folder }, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
