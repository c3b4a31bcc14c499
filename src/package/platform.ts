/** Says at once where processes cannot be supervised, instead of failing half way. */
import { DynamoError } from '../base/error.ts';
import { errorCode, messageOf } from '../base/error-code.ts';
import { procTrouble } from '../process/proc.ts';

/**
 * Throws `environment` on anything but Linux, and where /proc does not tell which processes live: sessions, /proc and
 * file watches are what the supervisor stands on.
 */
export function requireLinux(verb: string): void {
  requireLinuxAlone(verb);
  const trouble = procTrouble();
  if (trouble !== undefined) throw new DynamoError('environment', `${trouble.words}.`, { hint: trouble.fix });
}

/** For who looks at what is wrong with this host. */
export function requireLinuxAlone(verb: string): void {
  if (process.platform === 'linux') return;
  throw new DynamoError(
    'environment',
    `dynamo ${verb} runs on Linux (also in WSL2 and containers), not on ${process.platform}.`,
    {
      hint: 'here `dynamo plan`, `dynamo profiles` and all help work',
    },
  );
}

/** Throws `environment` when the folder that we were started in was removed since. */
export function workingFolder(): string {
  try {
    return process.cwd();
  } catch (error) {
    const words =
      errorCode(error) === 'ENOENT' ? 'is gone: it was removed since' : `cannot be told: ${messageOf(error)}`;
    throw new DynamoError('environment', `The working folder ${words}.`, {
      cause: error,
      hint: 'cd ~   # or into another folder that is there',
    });
  }
}
