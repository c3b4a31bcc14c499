/** Starts a process that outlives us: own session, own log file, no tie to this terminal. */
import { closeSync, openSync } from 'node:fs';
import { execa } from 'execa';
import { DynamoError } from '../base/error.ts';
import type { Identity } from '../base/identity.ts';
import { identify } from './identity.ts';

/** Throws `environment` when it cannot be started at all. */
export async function spawnDetached(
  argv: readonly [string, ...string[]],
  logFile: string,
): Promise<Identity> {
  const [file, ...rest] = argv;
  const log = openSync(logFile, 'a', 0o600);
  try {
    const child = execa(file, rest, {
      detached: true,
      cleanup: false,
      reject: false,
      buffer: false,
      // execa's types name the descriptors 3 to 9; any open one works.
      stdio: ['ignore', log as 3, log as 3],
    });
    child.unref();
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    if (identity !== undefined) return identity;
    throw new DynamoError(
      'environment',
      `${file} could not be started: ${(await child).message ?? 'unknown reason'}.`,
    );
  } finally {
    closeSync(log);
  }
}
