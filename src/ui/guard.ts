/**
 * Decides who may use the page. A browser lets every site that its user visits send requests to loopback, and with DNS
 * rebinding such a site even counts as same-origin; so the name, the origin and a secret are checked on every request.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface Asked {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export type Verdict =
  | { readonly kind: 'allowed' }
  /** The link that was printed: the secret in it becomes a cookie. */
  | { readonly kind: 'login'; readonly cookie: string }
  | { readonly kind: 'refused'; readonly status: number; readonly why: string };

export interface Door {
  readonly token: string;
  /** Cookies are shared by all ports of a host, so each server has a name of its own. */
  readonly cookieName: string;
}

const allowed: Verdict = { kind: 'allowed' };

export function verdictOn(asked: Asked, door: Door): Verdict {
  return foreignHost(asked) ?? otherMethod(asked) ?? otherSite(asked) ?? withoutToken(asked, door) ?? allowed;
}

function refused(status: number, why: string): Verdict {
  return { kind: 'refused', status, why };
}

/** Any port: `ssh -L` may use another one on the other side. */
function foreignHost({ headers: { host } }: Asked): Verdict | undefined {
  if (host !== undefined && /^(127\.0\.0\.1|\[::1\]|localhost)(:\d{1,5})?$/i.test(host)) return undefined;
  return refused(
    403,
    'This page answers only to the names 127.0.0.1, [::1] and localhost, so that no web site can reach it under a name of its own.',
  );
}

function otherMethod({ method }: Asked): Verdict | undefined {
  return ['GET', 'HEAD', 'POST'].includes(method) ? undefined : refused(405, `There is no ${method} here.`);
}

function otherSite({ method, headers }: Asked): Verdict | undefined {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  const isWriting = method === 'POST';
  // A link in a mail is cross-site, too, and only leads to a page without a cookie.
  const isForeign = typeof site === 'string' && ['cross-site', 'same-site'].includes(site);
  const isNavigation = headers['sec-fetch-mode'] === 'navigate' && !isWriting;
  if (isForeign && !isNavigation) return refused(403, 'This request came from a page of another site.');
  if (origin !== undefined && origin.toLowerCase() !== `http://${host}`.toLowerCase())
    return refused(403, `This request came from a page of ${JSON.stringify(origin.slice(0, 200))}.`);
  if (!isWriting) return undefined;
  if (origin === undefined) return refused(403, 'This request has no Origin, which every browser sends.');
  // Browsers send other types across sites without asking first.
  if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? ''))
    return refused(415, 'This request has no content-type application/json.');
  return undefined;
}

function withoutToken({ method, path, headers }: Asked, { token, cookieName }: Door): Verdict | undefined {
  const { pathname, query } = partsOf(path);
  const shown = pathname === '/' && method === 'GET' ? query.get('token') : null;
  if (shown !== null && isSame(shown, token)) {
    return { kind: 'login', cookie: `${cookieName}=${token}; Path=/; HttpOnly; SameSite=Strict` };
  }
  const cookies = (headers.cookie ?? '').split(/;\s*/);
  const isKnown = cookies.some(
    (cookie) => cookie.startsWith(`${cookieName}=`) && isSame(cookie.slice(cookieName.length + 1), token),
  );
  return isKnown ? undefined : refused(401, 'Open the link that `dynamo ui` printed: it holds the token.');
}

/** Not `URL`, for which `//name/` is another host. */
export function partsOf(path: string): { readonly pathname: string; readonly query: URLSearchParams } {
  const end = path.indexOf('?');
  return end === -1
    ? { pathname: path, query: new URLSearchParams() }
    : { pathname: path.slice(0, end), query: new URLSearchParams(path.slice(end)) };
}

/** In constant time, whatever the lengths. */
function isSame(seen: string, wanted: string): boolean {
  return timingSafeEqual(digest(seen), digest(wanted));
}

/** Of every answer. Text of models and logs is never HTML; if it became HTML, no script in it would run. */
export const safeHeaders: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  'cache-control': 'no-store',
};

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
