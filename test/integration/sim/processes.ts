/** Starts sim processes for tests, and ends them afterwards. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { kill, livingProcess, type SeenProcess, stillRuns } from '../../oracle/proc.ts';

/** SIM_ENTRY makes the tests use another bundle. */
const entry = process.env['SIM_ENTRY'] ?? 'dist/sim.js';

export interface Started {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null; at: number }>;
  readonly log: () => string;
}

const running: SeenProcess[] = [];
const folders: string[] = [];

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sim-test-'));
  folders.push(folder);
  return folder;
}

export function start(argv: readonly string[], env: Readonly<Record<string, string>>): Started {
  const child = spawn(process.execPath, [entry, ...argv], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const pid = child.pid ?? 0;
  remember(pid);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (part) => (text += String(part)));
  const exit = new Promise<{ code: number | null; signal: NodeJS.Signals | null; at: number }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal, at: performance.now() }));
  });
  return { pid, child, exit, log: () => text };
}

/** Also to be killed after the test. */
export function remember(pid: number): void {
  const seen = livingProcess(pid);
  if (seen !== undefined) running.push(seen);
}

afterEach(async () => {
  const left = running.splice(0);
  left.forEach(kill);
  await until('all processes are gone', () => !left.some(stillRuns));
  for (const folder of folders.splice(0)) if (existsSync(folder)) rmSync(folder, { recursive: true });
});

/** Polls until the result is neither false nor undefined; errors count as "not yet". */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  limitMs = 8_000,
): Promise<Exclude<NonNullable<T>, false>> {
  const deadline = performance.now() + limitMs;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      const value = await probe();
      if (value !== false && value !== undefined && value !== null) {
        return value as Exclude<NonNullable<T>, false>;
      }
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`not within ${limitMs} ms: ${what}`, { cause: last });
}
