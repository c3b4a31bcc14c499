/** Addresses to listen on, as people write them. */
import { isIP, isIPv6 } from 'node:net';

/**
 * An address to listen on, in its usual form: `[::1]` is `::1`. `undefined` for what is none: a URL, a port with it, a
 * zone, a number that old resolvers take for an address.
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
