/** Blocks requests from web pages that a user of this host visits: a browser lets them reach loopback, too. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { ApiError } from './api-body.ts';

/** Where a server listens: the configured name, and the address it resolved to. */
interface Bound {
  readonly name: string;
  readonly address: string;
}

/** The refusal of a request that another site's page makes; `undefined` for all other requests. */
export function refusalOf({ method, headers }: IncomingMessage, bound: Bound): ApiError | undefined {
  const foreign = isLoopback(bound.address) ? foreignHost(headers, bound) : undefined;
  if (foreign !== undefined || method === 'GET' || method === 'HEAD') return foreign;
  return otherSite(headers);
}

/**
 * Throws 415 unless the content type is JSON, as upstream does (seen with 1.1.1 and 1.6.1): browsers send other types
 * across sites without a preflight request.
 */
export function requireJson({ headers }: IncomingMessage): void {
  if (/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(headers['content-type'] ?? '')) return;
  throw new ApiError(415, 'Expected request with Content-Type application/json');
}

/**
 * With DNS rebinding, a page's own domain resolves to this host, which makes it same-origin; but it cannot change the
 * Host header of its requests.
 */
function foreignHost({ host }: IncomingHttpHeaders, { name }: Bound): ApiError | undefined {
  if (host === undefined) return undefined;
  const asked = hostOf(`http://${host}`);
  if (asked !== undefined && (isLoopback(asked) || asked === hostOf(`http://${bracketed(name)}`)))
    return undefined;
  return new ApiError(
    403,
    `Host ${JSON.stringify(host)} is not this machine: this API listens on loopback and accepts only localhost, 127.0.0.1 and [::1], ` +
      'to protect it from web pages. To serve other hosts, start it with --http-host',
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
    `This request came from a web page of ${origin === undefined ? 'another site' : JSON.stringify(origin)}: cross-site requests are refused`,
    'foreign_origin',
  );
}

/** The host name without port, brackets and trailing dot; `undefined` if the URL has none. */
function hostOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { hostname } = new URL(url);
  return hostname === '' ? undefined : hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

function bracketed(name: string): string {
  return name.includes(':') ? `[${name}]` : name;
}

/** Browsers and resolvers treat every name below `localhost` as loopback. */
function isLoopback(host: string): boolean {
  return /^127(\.\d+){3}$|^::1$|^::ffff:(7f[\da-f]{2}:[\da-f]+|127(\.\d+){3})$|^(.+\.)?localhost$/.test(host);
}
