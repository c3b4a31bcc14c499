/** Reads the command line of a role against a table of flags; a bad value ends the process with 2. */
import { parseArgs } from 'node:util';
import { exitWith, log } from './log.ts';

interface Kind<T> {
  /** What is expected, in words; nothing for a switch. */
  readonly wants: string;
  readonly range?: string;
  read(given: string): T | undefined;
}

type FlagTable = Readonly<Record<string, Kind<unknown>>>;
export type Values<T extends FlagTable> = {
  readonly [Name in keyof T]: T[Name] extends Kind<infer Value> ? Value | undefined : never;
};

export const text: Kind<string> = { wants: 'a value', read: (given) => given || undefined };
export const onOff: Kind<true> = { wants: '', read: () => true };
export const amount: Kind<number> = {
  wants: 'a number, 0 or more',
  read: (given) => (/^\d+(\.\d+)?$/.test(given) ? Number(given) : undefined),
};

export function whole(lowest: number, highest = Number.MAX_SAFE_INTEGER): Kind<number> {
  return {
    wants: 'a whole number',
    range: highest < Number.MAX_SAFE_INTEGER ? ` (${lowest} to ${highest})` : ` (${lowest} or more)`,
    read: (given) =>
      /^\d+$/.test(given) && Number(given) >= lowest && Number(given) <= highest ? Number(given) : undefined,
  };
}

export function oneOf<T extends string>(choices: readonly T[]): Kind<T> {
  return { wants: `one of ${choices.join(', ')}`, read: (given) => choices.find((one) => one === given) };
}

export function parseFlags<T extends FlagTable>(argv: readonly string[], table: T) {
  const kinds = new Map(Object.entries(table));
  const options = Object.fromEntries(
    [...kinds].map(([name, { wants }]) => [name, { type: wants === '' ? 'boolean' : 'string' } as const]),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true });
  const values: Record<string, unknown> = {};
  const unknown: string[] = [];
  const problems: string[] = [];
  for (const token of tokens) {
    if (token.kind !== 'option' || !token.rawName.startsWith('--')) continue;
    const kind = kinds.get(token.name);
    // Without `=` a following flag is not this one's value.
    const given = token.inlineValue === false && token.value.startsWith('--') ? undefined : token.value;
    const value = kind?.read(given ?? '');
    if (kind === undefined) unknown.push(token.rawName);
    else if (value !== undefined) values[token.name] = value;
    else {
      const got = given === undefined ? 'nothing' : JSON.stringify(given);
      problems.push(`argument --${token.name}: expected ${kind.wants}, got ${got}${kind.range ?? ''}`);
    }
  }
  return { values: values as Values<T>, unknown, problems };
}

/** Arguments meant for SGLang are passed through to sim too, so an unknown flag is no reason to refuse. */
export function readFlags<T extends FlagTable>(role: string, argv: readonly string[], table: T): Values<T> {
  const { values, unknown, problems } = parseFlags(argv, table);
  if (unknown.includes('--help')) {
    const lines = Object.entries(table).map(
      ([name, { wants, range = '' }]) => `  --${name}  ${wants}${range}\n`,
    );
    process.stdout.write(`Dynamo's embedded engine sim, ${role}: see docs/sim.md\n${lines.join('')}`);
    process.exit(0);
  }
  for (const name of unknown) log('WARN', 'sim::flags', `sim has no ${name}: ignored`);
  if (problems.length > 0) exitWith(2, problems.map((one) => `sim ${role}: error: ${one}`).join('\n'));
  return values;
}
