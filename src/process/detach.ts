/** Starts a process that outlives us: own session, own log file, no tie to this terminal. */
import { closeSync } from 'node:fs';
import type { Environment } from '../base/environment.ts';
import type { Identity } from '../base/identity.ts';
import { openToAppend } from '../host/own-file.ts';
import { identify } from './identity.ts';
import { spawnError } from './spawn-failure.ts';
import { spawnSession } from './spawn-session.ts';

/**
 * `logFile`: where its output goes; without one it goes nowhere. `env`: all that it inherits. Throws `environment` when
 * it cannot be started at all.
 */
export async function spawnDetached(
  argv: readonly [string, ...string[]],
  logFile: string | undefined,
  env: Environment,
): Promise<Identity> {
  const log = logFile === undefined ? 'ignore' : openToAppend(logFile);
  try {
    const { child, ended, failure } = spawnSession(argv, {
      stdio: ['ignore', log, log],
      env,
    });
    child?.unref();
    const identity = child?.pid === undefined ? undefined : identify(child.pid);
    if (identity !== undefined) return identity;
    await ended;
    throw spawnError({ who: 'The supervisor', argv, env }, failure() ?? new Error('it ended at once'));
  } finally {
    if (log !== 'ignore') closeSync(log);
  }
}
