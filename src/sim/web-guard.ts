/** Keeps web pages out that a user of this host happens to visit: they can send requests to loopback, too. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { ApiError } from './api-error.ts';

/** Where a server listens: as it was told, and the address that this became. */
export interface Bound {
  readonly name: string;
  readonly address: string;
}

/** What a request is answered that a page of another site makes; `undefined` for all others. */
export function strangerIn({ method, headers }: IncomingMessage, bound: Bound): ApiError | undefined {
  const foreign = isLoopback(bound.address) ? foreignHost(headers, bound) : undefined;
  if (foreign !== undefined || method === 'GET' || method === 'HEAD') return foreign;
  return otherSite(headers);
}

/**
 * Throws 415 for a body that is not called JSON, as upstream does (seen with 1.1.1 and 1.6.1): a page may send any other
 * kind to any address without asking first.
 */
export function requireJson({ headers }: IncomingMessage): void {
  if (/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(headers['content-type'] ?? '')) return;
  throw new ApiError(415, 'Expected request with Content-Type application/json');
}

/**
 * A page can give its own name the address of this host (DNS rebinding) and is then of the same origin; but it cannot
 * change the name that its requests carry.
 */
function foreignHost({ host }: IncomingHttpHeaders, { name }: Bound): ApiError | undefined {
  if (host === undefined) return undefined;
  const asked = hostOf(`http://${host}`);
  if (asked !== undefined && (isLoopback(asked) || asked === hostOf(`http://${bracketed(name)}`)))
    return undefined;
  return new ApiError(
    403,
    `Host ${JSON.stringify(host)} is not this machine: this API listens on loopback and answers to localhost, 127.0.0.1 and [::1] only, ` +
      'so that no web page gets at it under a name of its own. To serve others: --http-host',
    'foreign_host',
  );
}

function otherSite(headers: IncomingHttpHeaders): ApiError | undefined {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  const from = origin === undefined ? undefined : hostOf(origin);
  const own =
    from !== undefined && (isLoopback(from) || origin?.toLowerCase().endsWith(`://${host}`) === true);
  if (origin === undefined ? site !== 'cross-site' : own) return undefined;
  return new ApiError(
    403,
    `A web page of ${origin === undefined ? 'another site' : JSON.stringify(origin)} sent this: requests of other sites are refused`,
    'foreign_origin',
  );
}

/** Without port, brackets and the dot that may end a name; `undefined` for what is no address of a server. */
function hostOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { hostname } = new URL(url);
  return hostname === '' ? undefined : hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

function bracketed(name: string): string {
  return name.includes(':') ? `[${name}]` : name;
}

/** Names below `localhost` are loopback to every browser and resolver. */
function isLoopback(host: string): boolean {
  return /^127(\.\d+){3}$|^::1$|^::ffff:(7f[\da-f]{2}:[\da-f]+|127(\.\d+){3})$|^(.+\.)?localhost$/.test(host);
}
