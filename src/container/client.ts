/** Talks to a Docker daemon, and says in words what went wrong when that fails. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import type { DaemonAddress } from '../base/container-entry.ts';
import { errorCode, messageOf } from '../base/error-code.ts';

const defaultPort = 2375;

/** Without limits of time: dockerode's cut off answers that are only slow. Calls bring their own. */
export function connect({ address, certificates }: DaemonAddress): Docker {
  if (address.startsWith('unix://')) {
    return new Docker({ socketPath: address.slice('unix://'.length) });
  }
  const url = new URL(address.replace(/^tcp:/, 'http:'));
  const place = { host: url.hostname, port: Number(url.port || defaultPort) };
  if (certificates === undefined) return new Docker({ ...place, protocol: 'http' });
  const pem = (name: string): Buffer => readFileSync(join(certificates, `${name}.pem`));
  return new Docker({ ...place, protocol: 'https', ca: pem('ca'), cert: pem('cert'), key: pem('key') });
}

/**
 * The answer of a call, or an error with the code ETIMEDOUT. An answer that is cut off half way neither comes nor
 * fails, and not all calls of dockerode take a signal. Rejects with the reason of `signal` when that aborts.
 */
export async function answered<T>(call: Promise<T>, limitMs: number, signal?: AbortSignal): Promise<T> {
  const over = new AbortController();
  const either = AbortSignal.any(signal === undefined ? [over.signal] : [over.signal, signal]);
  const limit = async (): Promise<never> => {
    await delay(limitMs, undefined, { signal: either });
    throw Object.assign(new Error(`no answer within ${limitMs / 1000} s`), { code: 'ETIMEDOUT' });
  };
  try {
    return await Promise.race([call, limit()]);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    over.abort();
  }
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
  ['ECONNRESET', 'it ended the connection'],
]);
