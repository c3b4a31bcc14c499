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
