/** Parses the command line of a role against a table of flags. A bad value exits with 2. */
import { parseArgs } from 'node:util';
import { exitWith, log } from './log.ts';

interface Kind<T> {
  /** The expected value, for messages; empty for a switch. */
  readonly expects: string;
  readonly range?: string;
  read(given: string): T | undefined;
}

type FlagTable = Readonly<Record<string, Kind<unknown>>>;
export type Values<T extends FlagTable> = {
  readonly [Name in keyof T]: T[Name] extends Kind<infer Value> ? Value | undefined : never;
};

export const text: Kind<string> = { expects: 'a value', read: (given) => given || undefined };
export const onOff: Kind<true> = { expects: '', read: () => true };
export const amount: Kind<number> = {
  expects: 'a number, 0 or more',
  read: (given) => (/^\d+(\.\d+)?$/.test(given) ? Number(given) : undefined),
};

export function whole(lowest: number, highest = Number.MAX_SAFE_INTEGER): Kind<number> {
  return {
    expects: 'a whole number',
    range: highest < Number.MAX_SAFE_INTEGER ? ` (${lowest} to ${highest})` : ` (${lowest} or more)`,
    read: (given) =>
      /^\d+$/.test(given) && Number(given) >= lowest && Number(given) <= highest ? Number(given) : undefined,
  };
}

export function oneOf<T extends string>(choices: readonly T[]): Kind<T> {
  return { expects: `one of ${choices.join(', ')}`, read: (given) => choices.find((one) => one === given) };
}

export function parseFlags<T extends FlagTable>(argv: readonly string[], table: T) {
  const kinds = new Map(Object.entries(table));
  const options = Object.fromEntries(
    [...kinds].map(([name, { expects }]) => [name, { type: expects === '' ? 'boolean' : 'string' } as const]),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true });
  const values: Record<string, unknown> = {};
  const unknown: string[] = [];
  const problems: string[] = [];
  for (const token of tokens) {
    if (token.kind !== 'option' || !token.rawName.startsWith('--')) continue;
    const kind = kinds.get(token.name);
    // Without `=`, a following flag is not the value of this one.
    const given = token.inlineValue === false && token.value.startsWith('--') ? undefined : token.value;
    const value = kind?.read(given ?? '');
    if (kind === undefined) unknown.push(token.rawName);
    else if (value !== undefined) values[token.name] = value;
    else {
      const got = given === undefined ? 'nothing' : JSON.stringify(given);
      problems.push(`argument --${token.name}: expected ${kind.expects}, got ${got}${kind.range ?? ''}`);
    }
  }
  return { values: values as Values<T>, unknown, problems };
}

/** Arguments for SGLang reach sim too, so an unknown flag is only a warning. */
export function readFlags<T extends FlagTable>(role: string, argv: readonly string[], table: T): Values<T> {
  const { values, unknown, problems } = parseFlags(argv, table);
  if (unknown.includes('--help')) {
    const lines = Object.entries(table).map(
      ([name, { expects, range = '' }]) => `  --${name}  ${expects}${range}\n`,
    );
    process.stdout.write(
      `Flags of the ${role} of sim, dynamo's embedded engine (docs/sim.md):\n${lines.join('')}`,
    );
    process.exit(0);
  }
  for (const name of unknown) log('WARN', 'sim::flags', `ignoring ${name}: sim does not support it`);
  if (problems.length > 0) exitWith(2, problems.map((one) => `sim ${role}: error: ${one}`).join('\n'));
  return values;
}
