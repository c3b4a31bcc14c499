/** Parses addresses to listen on. */
import { isIP, isIPv6 } from 'node:net';

/**
 * Normalises an address to listen on: `[::1]` becomes `::1`. `undefined` for anything else: a URL, an address with a port or
 * a zone, a number that old resolvers read as an address.
 */
export function listenAddress(text: string): string | undefined {
  const inner = /^\[(.*)\]$/.exec(text)?.[1];
  const address = inner ?? text;
  if (isIPv6(address))
    return address.includes('%') ? undefined : new URL(`http://[${address}]`).hostname.slice(1, -1);
  if (inner !== undefined) return undefined;
  if (isIP(address) === 4) return address;
  const labels = address.split('.');
  const isName = labels.every((label) => /^[A-Za-z0-9]([\w-]*[A-Za-z0-9])?$/.test(label));
  return isName && !/^(\d+|0x[\da-f]*)$/i.test(labels.at(-1) ?? '') ? address : undefined;
}
