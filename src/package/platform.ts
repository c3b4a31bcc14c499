/** Checks that processes can be supervised on this platform, before anything starts. */
import { DynamoError } from '../base/error.ts';
import { errorCode, messageOf } from '../base/error-code.ts';
import { procTrouble } from '../process/proc.ts';

/**
 * Throws `environment` on anything but Linux, and if /proc does not show our processes: the supervisor needs sessions, /proc
 * and file watches.
 */
export function requireLinux(verb: string): void {
  requireLinuxAlone(verb);
  const trouble = procTrouble();
  if (trouble !== undefined) throw new DynamoError('environment', `${trouble.words}.`, { hint: trouble.fix });
}

/** For commands that diagnose the host: does not check /proc. */
export function requireLinuxAlone(verb: string): void {
  if (process.platform === 'linux') return;
  throw new DynamoError(
    'environment',
    `dynamo ${verb} runs on Linux (also in WSL2 and containers), not on ${process.platform}.`,
    {
      hint: '`dynamo plan`, `dynamo profiles` and `--help` work here',
      fields: { asked: verb },
    },
  );
}

/** Throws `environment` if the working folder no longer exists. */
export function workingFolder(): string {
  try {
    return process.cwd();
  } catch (error) {
    const words =
      errorCode(error) === 'ENOENT' ? 'no longer exists' : `cannot be determined: ${messageOf(error)}`;
    throw new DynamoError('environment', `The working folder ${words}.`, {
      cause: error,
      hint: 'cd ~   # or into another folder that exists',
    });
  }
}
