/** Understands `--since`: how long ago, or when. */
import { DynamoError } from '../base/error.ts';

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
  throw new DynamoError('usage', `--since ${JSON.stringify(text)}: expected how long ago, or a time.`, {
    hint: 'dynamo logs --since 10m   # or --since 2026-01-31T12:00:00Z',
  });
}
