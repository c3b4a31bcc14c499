/** Values of flags as people write them: whole numbers, seconds, and how long ago. Strict, unlike `Number`. */
import { DynamoError } from '../base/error.ts';

/** Digits only: no sign, blank, exponent or hexadecimal, which `Number` would accept. `undefined` for anything else. */
export function wholeNumber(
  text: string,
  lowest: number,
  highest = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= lowest && value <= highest ? value : undefined;
}

/** The longest timeout of Node, in seconds: 24 days. With a longer one, a timer fires at once. */
export const longestSeconds = 2_147_483;

/** Seconds, with a fraction if need be. `undefined` for anything else. */
export function decimalSeconds(text: string): number | undefined {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  return value <= longestSeconds ? value : undefined;
}

/** `20ms`, `1.5s`; milliseconds. `undefined` for anything else, a number without its unit too. */
export function milliseconds(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text) ?? [];
  const value = Number(amount) * (unit === 's' ? 1000 : 1);
  return value > 0 && value <= longestSeconds * 1000 ? value : undefined;
}

/** What `--since` takes. */
const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `30s`, `1h30m`, a date, or a date and time; milliseconds since 1970. Throws `usage`. */
export function startOf(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)];
  if (parts.length > 0 && parts.map(([part]) => part).join('') === text) {
    const ago = parts.map(([, amount, unit]) => Number(amount) * units[unit as keyof typeof units]);
    return Date.now() - ago.reduce((sum, each) => sum + each, 0);
  }
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new DynamoError(
    'usage',
    `--since ${JSON.stringify(text)}: expected a duration such as 10m, or a time.`,
    {
      hint: 'dynamo logs --since 10m   # or --since 2026-01-31T12:00:00Z',
      fields: { option: '--since', asked: text },
    },
  );
}
