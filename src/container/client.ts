/** Connects to a Docker daemon, and says in words what went wrong when that fails. */
import Docker from 'dockerode';
import type { Container, ContainerInspectInfo } from 'dockerode';
import { setTimeout as delay } from 'node:timers/promises';
import type { DaemonAddress } from '../base/identity.ts';
import { errorCode, messageOf, overTls, tlsReason } from '../base/error-code.ts';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const defaultPort = 2375;
const defaultTlsPort = 2376;

/**
 * Without a timeout: dockerode's would cut off answers that are only slow. Each call has its own. Throws an error with a
 * message for people if a certificate cannot be read or has expired.
 */
export function connect({ address, certificates }: DaemonAddress): Docker {
  if (address.startsWith('unix://')) {
    return withoutEnvironment({ socketPath: address.slice('unix://'.length) });
  }
  const url = new URL(address.replace(/^tcp:/, 'http:'));
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (certificates === undefined && url.protocol !== 'https:') {
    return withoutEnvironment({ host, port: Number(url.port || defaultPort), protocol: 'http' });
  }
  const port = Number(url.port || defaultTlsPort);
  return withoutEnvironment({ host, port, protocol: 'https', ...readCertificates(certificates) });
}

/**
 * dockerode 5.0.1 takes missing options from DOCKER_HOST, and then reads the certificates in DOCKER_CERT_PATH: it would connect
 * to another daemon than the one in the ledger.
 */
function withoutEnvironment(options: ConstructorParameters<typeof Docker>[0]): Docker {
  const { DOCKER_HOST } = process.env;
  delete process.env.DOCKER_HOST;
  try {
    return new Docker(options);
  } finally {
    if (DOCKER_HOST !== undefined) process.env.DOCKER_HOST = DOCKER_HOST;
  }
}

/**
 * The answer of a call, or an error with the code ETIMEDOUT: an answer that is cut off halfway neither arrives nor fails, and
 * not all calls of dockerode take a signal. Rejects with the reason of `signal` when that aborts.
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

/** The HTTP status of the answer; `undefined` if the daemon did not answer. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

/** A daemon that takes longer for one container hangs. */
const inspectMs = 5_000;

/** `undefined` if there is no such container. Throws if the daemon does not answer. */
export async function inspectContainer(container: Container): Promise<ContainerInspectInfo | undefined> {
  try {
    return await answered(container.inspect(), inspectMs);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** The message of the daemon, without the prefix that dockerode adds. */
export function said(error: unknown): string {
  return messageOf(error)
    .replace(/^\(HTTP code \d+\) [\w /-]*? - /, '')
    .trim();
}

/** Why there was no answer, for people; `undefined` if there was one. `secure`: the connection used TLS. */
export function silence(error: unknown, secure = false): string | undefined {
  if (statusOf(error) !== undefined) return undefined;
  const reason = secure ? overTls(error) : error;
  return known.get(errorCode(reason) ?? '') ?? tlsReason(reason) ?? messageOf(reason);
}

/** What prevents the use of a daemon, if that determines the fix. */
export type Obstacle = 'absent' | 'forbidden' | 'certificate' | 'wants TLS';

/** `secure`: it was asked over TLS. */
export function obstacleOf(error: unknown, secure: boolean): Obstacle | undefined {
  if (statusOf(error) !== undefined) return /HTTPS server/.test(said(error)) ? 'wants TLS' : undefined;
  const code = errorCode(error) ?? '';
  if (code === 'ENOENT') return 'absent';
  if (code === 'EACCES') return 'forbidden';
  const untrusted =
    secure && (overTls(error) !== error || tlsReason(error) !== undefined || /CERT|SSL|TLS/.test(code));
  return untrusted || error instanceof CertificateError ? 'certificate' : undefined;
}

const known: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such socket'],
  ['EACCES', 'permission denied'],
  ['ECONNREFUSED', 'connection refused: the daemon is not running'],
  ['ECONNRESET', 'it closed the connection'],
]);

/** A certificate for the daemon cannot be used. The message is for people. */
class CertificateError extends Error {}

export interface Certificates {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/**
 * The certificates for a Docker daemon over TLS, in the layout of Docker's own client: ca.pem, and cert.pem and key.pem if the
 * daemon requires a client certificate. Throws CertificateError: a daemon that rejects a client certificate
 * cannot say why.
 */
export function readCertificates(folder: string | undefined): Certificates {
  if (folder === undefined) return {};
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => read(join(folder, name)));
  if (ca === undefined) throw new CertificateError(`there is no ${join(folder, 'ca.pem')}`);
  if ((cert === undefined) !== (key === undefined)) {
    throw new CertificateError(`there is no ${join(folder, cert === undefined ? 'cert.pem' : 'key.pem')}`);
  }
  if (cert === undefined || key === undefined) return { ca };
  const { validTo, validToDate } = validityOf(cert, join(folder, 'cert.pem'));
  if (validToDate.getTime() < Date.now()) {
    throw new CertificateError(
      `the client certificate ${join(folder, 'cert.pem')} has expired: it was valid until ${validTo}`,
    );
  }
  return { ca, cert, key };
}

function read(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new CertificateError(`${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function validityOf(cert: Buffer, file: string): { readonly validTo: string; readonly validToDate: Date } {
  try {
    const { validTo } = new X509Certificate(cert);
    return { validTo, validToDate: new Date(validTo) };
  } catch (error) {
    throw new CertificateError(`${file} is not a certificate: ${messageOf(error)}`, { cause: error });
  }
}
