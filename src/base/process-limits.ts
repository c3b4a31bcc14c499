/** Limits of processes: as the kernel lists them in /proc/PID/limits, and on the length of arguments and variables. */

export type LimitName =
  | 'Max file size'
  | 'Max address space'
  | 'Max open files'
  | 'Max processes'
  | 'Max locked memory';

/** The soft limit, which is the one that applies; Infinity for `unlimited`, `undefined` if it is not listed. */
export function softLimit(text: string, name: LimitName): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(name));
  const value = line?.slice(name.length).trim().split(/\s+/)[0];
  return value === 'unlimited' ? Infinity : value === undefined ? undefined : Number(value);
}

/** The maximum of one string including its NUL: 32 pages of 4 KiB. Source: execve(2), MAX_ARG_STRLEN. */
const longestText = 131_072;

/** Why this cannot be passed to a process, in words; `undefined` if it can. `before`: its prefix, such as `NAME=`. */
export function textFault(text: string, before = ''): string | undefined {
  if (text.includes('\0') || before.includes('\0'))
    return 'contains a NUL character, which ends a string for the kernel';
  // A UTF-16 unit takes at most 3 bytes in UTF-8.
  if (3 * (before.length + text.length) < longestText) return undefined;
  const size = byteLength(before) + byteLength(text) + 1;
  return size <= longestText
    ? undefined
    : `is ${size} bytes long with its name and end; Linux accepts at most ${longestText} in one argument or variable`;
}

/** The space that a string takes among the arguments and variables of a process: its bytes, a NUL and a pointer. */
export function textCost(text: string): number {
  return byteLength(text) + 1 + 8;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
