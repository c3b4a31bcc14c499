/** Turns decided flags into the words of a command line. */

/** Left out when its value is undefined or false; alone when it is true. */
export type Flag = readonly [name: string, value: string | number | boolean | undefined];

export function flagWords(flags: readonly Flag[]): string[] {
  return flags.flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    return value === true ? [name] : [name, String(value)];
  });
}
