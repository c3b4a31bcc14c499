/** Talks to a Docker daemon, and says in words what went wrong when that fails. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Docker from 'dockerode';
import type { DaemonAddress } from '../base/container-entry.ts';
import { errorCode, messageOf } from '../base/error-code.ts';

const defaultPort = 2375;
const connectMs = 5_000;

export function connect({ address, certificates }: DaemonAddress): Docker {
  if (address.startsWith('unix://')) {
    return new Docker({ socketPath: address.slice('unix://'.length), connectionTimeout: connectMs });
  }
  const url = new URL(address.replace(/^tcp:/, 'http:'));
  const place = { host: url.hostname, port: Number(url.port || defaultPort), connectionTimeout: connectMs };
  if (certificates === undefined) return new Docker({ ...place, protocol: 'http' });
  const pem = (name: string): Buffer => readFileSync(join(certificates, `${name}.pem`));
  return new Docker({ ...place, protocol: 'https', ca: pem('ca'), cert: pem('cert'), key: pem('key') });
}

/** The HTTP status that the daemon answered with; `undefined` when it did not answer. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

/** What the daemon said, without the words that dockerode puts around it. */
export function said(error: unknown): string {
  return messageOf(error)
    .replace(/^\(HTTP code \d+\) [\w /-]*? - /, '')
    .trim();
}

/** Why there was no answer, for people; `undefined` when there was one. */
export function silence(error: unknown): string | undefined {
  if (statusOf(error) !== undefined) return undefined;
  return known.get(errorCode(error) ?? '') ?? messageOf(error);
}

const known: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such socket'],
  ['EACCES', 'permission denied'],
  ['ECONNREFUSED', 'nobody listens: the daemon is down'],
  ['ABORT_ERR', 'no answer in time'],
]);
