/** Decided flags as the words of a command line, brought together with the arguments of the user. */
import { DynamoError } from '../base/error.ts';

/** Left out when its value is undefined or false; alone when it is true. */
export type Flag = readonly [name: string, value: string | number | boolean | undefined];

export function flagWords(flags: readonly Flag[]): string[] {
  return flags.flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    return value === true ? [name] : [name, String(value)];
  });
}

/** Flags that only the plan may give, with what a user sets instead. */
export type PlannedFlags = ReadonlyMap<string, string>;

/**
 * The planned words, less the flags that the user gives, then the user's: argparse lets the last one win silently,
 * and a port or a name that differs from the plan shows only when requests hang.
 * Throws `usage` for a flag that only the plan may give.
 */
export function mergeFlags(
  planned: readonly string[],
  given: readonly string[],
  plannedOnly: PlannedFlags,
): string[] {
  const names = new Set(given.map(flagName).filter((name) => name !== undefined));
  for (const name of names) {
    const instead = plannedOnly.get(name);
    if (instead === undefined) continue;
    throw new DynamoError('usage', `${name} is decided by the plan, and cannot be given as a raw argument.`, {
      hint: instead,
    });
  }
  return [...without(planned, names), ...given];
}

function flagName(word: string): string | undefined {
  return /^--[a-z][\w-]*/.exec(word)?.[0];
}

/** A planned flag is a word of its own, followed by its value if that is no flag. */
function without(words: readonly string[], names: ReadonlySet<string>): string[] {
  let dropping = false;
  return words.filter((word) => {
    const name = flagName(word);
    if (name !== undefined) dropping = names.has(name);
    return !dropping;
  });
}
