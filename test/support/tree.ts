/** Starts real processes as a run does, and proves afterwards that none of them is left. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { ProcessSpec } from '../../src/plan/plan.ts';
import { createLauncher, type ProcessChild } from '../../src/process/launch.ts';
import { createTracker } from '../../src/process/tracker.ts';
import { kill, livingProcess, processesWith, type SeenProcess, stillRuns } from '../oracle/proc.ts';
import { tempFolder } from './temp-folder.ts';
import { until } from './until.ts';

export interface Started {
  readonly child: ProcessChild;
  readonly folder: string;
  readonly ledgerFile: string;
  readonly logFile: string;
  /** In the environment of every process. */
  readonly marker: string;
  /** The living process that wrote its pid to this file of the folder. */
  pidIn(file: string): Promise<SeenProcess>;
  /** Throws if one of these, or any process with the marker, is alive. */
  expectNothingLeft(...seen: readonly SeenProcess[]): void;
}

let count = 0;

export function specOf(folder: string, argv: readonly string[], name = 'w'): ProcessSpec {
  return {
    name,
    kind: 'worker',
    component: name,
    argv,
    env: { DYNAMO_RUN_ID: `test-${process.pid}`, DYNAMO_PROCESS: name },
    cwd: folder,
    ports: {},
    gpus: [],
    dependsOn: [],
    probe: { kind: 'http', url: 'http://127.0.0.1:1/' },
    startupTimeoutMs: 1_000,
    stopGraceMs: 1_000,
    restart: { policy: 'no', maxRestarts: 0, windowMs: 0, firstDelayMs: 0, maxDelayMs: 0 },
    logFile: join(folder, 'logs', `${name}.log`),
  };
}

/** Runs `script` in a shell; `$D` is the folder for its pid files. */
export async function startShell(script: string, name = 'w'): Promise<Started> {
  return await start(['/bin/sh', '-c', script], name);
}

export async function start(
  argv: readonly string[],
  name = 'w',
  folder = tempFolder(),
  cgroup?: string,
): Promise<Started> {
  const marker = `dynamo-oracle-${process.pid}-${(count += 1)}`;
  const ledgerFile = join(folder, 'ledger.jsonl');
  const runId = `run-${marker}`;
  const spec = specOf(folder, argv, name);
  const launcher = createLauncher({
    runId,
    ledgerFile,
    tracker: createTracker(ledgerFile),
    environment: { PATH: process.env.PATH ?? '', ORACLE: marker, D: folder },
    clock: systemClock,
    cgroup,
  });
  // Whatever the test finds, nothing is left running.
  onTestFinished(() => {
    for (const { pid } of processesWith(marker)) process.kill(pid, 'SIGKILL');
  });
  const child = await launcher.launch({ ...spec, env: { ...spec.env, DYNAMO_RUN_ID: runId } });
  return {
    child,
    folder,
    ledgerFile,
    logFile: spec.logFile,
    marker,
    pidIn: async (file) =>
      await until(`a living process in ${file}`, () => {
        const seen = livingProcess(readPid(join(folder, file)));
        if (seen !== undefined) onTestFinished(() => kill(seen));
        return seen;
      }),
    expectNothingLeft: (...seen) => {
      const alive = seen.filter(stillRuns);
      expect([...alive, ...processesWith(marker)]).toEqual([]);
    },
  };
}

/** -1 until the line is complete. */
function readPid(file: string): number {
  try {
    const text = readFileSync(file, 'utf8');
    return text.endsWith('\n') ? Number(text) : -1;
  } catch {
    return -1;
  }
}
