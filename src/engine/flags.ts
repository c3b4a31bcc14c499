/** Turns planned flags into words of a command line, and merges them with the arguments of the user. */
import { DynamoError } from '../base/error.ts';

/** Omitted if its value is undefined or false; without a value if it is true. */
export type Flag = readonly [name: string, value: string | number | boolean | undefined];

export function flagWords(flags: readonly Flag[]): string[] {
  return flags.flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    return value === true ? [name] : [name, String(value)];
  });
}

/** Flags that only the plan may set, each with what to use instead. */
export type ReservedFlags = ReadonlyMap<string, string>;

/**
 * The planned words without the flags that the user sets, then the user's: with argparse the last one silently wins, and
 * a port or a name that differs from the plan would be noticed only when requests hang.
 * Throws `usage` for a flag that only the plan may set.
 */
export function mergeFlags(
  planned: readonly string[],
  given: readonly string[],
  reservedFlags: ReservedFlags,
): string[] {
  const names = new Set(given.map(flagName).filter((name) => name !== undefined));
  for (const name of names) {
    const instead = reservedFlags.get(name);
    if (instead === undefined) continue;
    throw new DynamoError('usage', `${name} is set by the plan and cannot be passed as a raw argument.`, {
      hint: instead,
      fields: { option: name },
    });
  }
  return [...without(planned, names), ...given];
}

function flagName(word: string): string | undefined {
  return /^--[a-z][\w-]*/.exec(word)?.[0];
}

/** A planned flag is a word of its own, followed by its value unless the next word is a flag. */
function without(words: readonly string[], names: ReadonlySet<string>): string[] {
  let dropping = false;
  return words.filter((word) => {
    const name = flagName(word);
    if (name !== undefined) dropping = names.has(name);
    return !dropping;
  });
}
