/** Reads the limits of a process as the kernel lists them in /proc/PID/limits. */

export type LimitName =
  | 'Max file size'
  | 'Max address space'
  | 'Max open files'
  | 'Max processes'
  | 'Max locked memory';

/** The soft limit, which is the one that counts; Infinity for `unlimited`, `undefined` where the list has none. */
export function softLimit(text: string, name: LimitName): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(name));
  const value = line?.slice(name.length).trim().split(/\s+/)[0];
  return value === 'unlimited' ? Infinity : value === undefined ? undefined : Number(value);
}

/** Of one text with the NUL at its end: 32 pages of 4 KiB. Source: execve(2), MAX_ARG_STRLEN. */
const longestText = 131_072;

/** Why no process can be given this, in words; `undefined` when it can. `before`: what precedes it, as `NAME=`. */
export function textFault(text: string, before = ''): string | undefined {
  if (text.includes('\0') || before.includes('\0'))
    return 'holds a NUL character, which ends a text for the kernel';
  // No letter is more than 3 bytes of UTF-8, or 4 for two UTF-16 units.
  if (3 * (before.length + text.length) < longestText) return undefined;
  const size = byteLength(before) + byteLength(text) + 1;
  return size <= longestText
    ? undefined
    : `is ${size} bytes long with its name and end; Linux takes ${longestText} in one argument or variable`;
}

/** What a text takes among the arguments and variables of a process: its bytes, a NUL and a pointer. */
export function textCost(text: string): number {
  return byteLength(text) + 1 + 8;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
