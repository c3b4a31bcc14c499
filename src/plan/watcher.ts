/** A process that only watches a deployment: no request needs it. */
import type { Choice, Plan, ProcessSpec, RestartRule } from './plan.ts';

/** One process that watches, and what it needs before it starts. */
export interface Beside {
  readonly spec: ProcessSpec;
  /** Removed with the run. */
  readonly folders: readonly string[];
  readonly files: readonly { readonly path: string; readonly text: string }[];
  readonly choice: Choice;
}

/** Watching must not end what is watched: it is restarted without an end. */
const restart: RestartRule = { policy: 'always', windowMs: 600_000, firstDelayMs: 500, maxDelayMs: 30_000 };

type WatcherParts = Pick<ProcessSpec, 'name' | 'argv' | 'container' | 'ports' | 'probe' | 'ifLost'> & {
  readonly env?: Readonly<Record<string, string>>;
};

/** A process that only watches. */
export function watcher(
  { runFolder, runId, stopTimeoutMs = Infinity }: Plan,
  { env, ...parts }: WatcherParts,
): ProcessSpec {
  const { name } = parts;
  return {
    ...parts,
    kind: 'infra',
    component: name,
    env: { ...env, DYNAMO_RUN_ID: runId, DYNAMO_PROCESS: name },
    cwd: runFolder,
    gpus: [],
    dependsOn: [],
    startupTimeoutMs: 60_000,
    stopGraceMs: Math.min(10_000, stopTimeoutMs),
    restart,
    watches: true,
    logFile: `${runFolder}/logs/${name}.log`,
  };
}
