/** Says at once where processes cannot be supervised, instead of failing half way. */
import { DynamoError } from '../base/error.ts';

/** Throws `environment` on anything but Linux: sessions, /proc and file watches are what the supervisor stands on. */
export function requireLinux(verb: string): void {
  if (process.platform === 'linux') return;
  throw new DynamoError(
    'environment',
    `dynamo ${verb} runs on Linux (also in WSL2 and containers), not on ${process.platform}.`,
    {
      hint: 'here `dynamo plan`, `dynamo profiles` and all help work',
    },
  );
}
