import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partsOf, verdictOn } from '../../../src/ui/guard.ts';

const door = { token: 'secret-token', cookieName: 'dynamo-ui-8765' };
const host = '127.0.0.1:8765';
const cookie = 'theme=dark; dynamo-ui-8765=secret-token';
const json = { 'content-type': 'application/json', origin: `http://${host}` };

const verdict = (method: string, path: string, headers: Record<string, string>): string => {
  const found = verdictOn({ method, path, headers }, door);
  return found.kind === 'refused' ? String(found.status) : found.kind;
};

describe('verdictOn', () => {
  it('lets the page in with its cookie, under each name of loopback and any port', () => {
    for (const name of [host, 'localhost:1', '[::1]:8765', '127.0.0.1', 'LOCALHOST'])
      expect(verdict('GET', '/', { host: name, cookie })).toBe('allowed');
    expect(verdict('POST', '/api/act', { host, cookie, ...json })).toBe('allowed');
  });

  it('turns the token of the link into a cookie, on the page only', () => {
    expect(verdict('GET', '/?token=secret-token', { host })).toBe('login');
    expect(verdict('GET', '/?token=other', { host, cookie })).toBe('allowed');
    expect(verdict('GET', '/api/stream?token=secret-token', { host })).toBe('401');
    expect(verdict('POST', '/?token=secret-token', { host, ...json })).toBe('401');
  });

  it('refuses the cookie of another server on this host', () => {
    expect(verdict('GET', '/', { host, cookie: 'dynamo-ui-8766=secret-token' })).toBe('401');
    expect(verdict('GET', '/', { host, cookie: 'xdynamo-ui-8765=secret-token' })).toBe('401');
  });

  it('lets a link lead to the page from anywhere, but no other request of another site', () => {
    const navigation = { host, cookie, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    expect(verdict('GET', '/', navigation)).toBe('allowed');
    expect(verdict('GET', '/', { ...navigation, 'sec-fetch-mode': 'no-cors' })).toBe('403');
    expect(verdict('POST', '/api/down', { ...navigation, ...json })).toBe('403');
  });

  it('lets nothing in without the token, whatever else a request says', () => {
    const text = fc.string({ maxLength: 20 });
    fc.assert(
      fc.property(
        fc.constantFrom('GET', 'HEAD', 'POST', 'DELETE', 'get'),
        fc.string({ maxLength: 30 }),
        fc.dictionary(fc.constantFrom('host', 'origin', 'cookie', 'content-type', 'sec-fetch-site'), text),
        (method, path, headers) => verdict(method, `/${path}`, { host, ...headers }) !== 'allowed',
      ),
    );
  });

  it('lets nothing in under another name', () => {
    fc.assert(
      fc.property(
        fc.domain(),
        fc.integer({ min: 1, max: 65_535 }),
        (name, port) => verdict('GET', '/', { host: `${name}:${port}`, cookie }) === '403',
      ),
    );
  });
});

it('partsOf does not take the beginning of a path for a host', () => {
  expect(partsOf('//evil.example/?token=1').pathname).toBe('//evil.example/');
  expect(partsOf('/?token=1').query.get('token')).toBe('1');
});
