/** Values of flags as people write them: decimal numbers and addresses, and nothing that merely can be read as one. */
import { isIP, isIPv6 } from 'node:net';

/** Digits alone: no sign, blank, exponent or hexadecimal, which `Number` would take. `undefined` for anything else. */
export function wholeNumber(
  text: string,
  lowest: number,
  highest = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= lowest && value <= highest ? value : undefined;
}

/** What a timer of Node can wait for, in seconds: 24 days. It would not wait at all for more. */
export const longestSeconds = 2_147_483;

/** Seconds, with a fraction if need be. `undefined` for anything else. */
export function decimalSeconds(text: string): number | undefined {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  return value <= longestSeconds ? value : undefined;
}

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
