/** Names runs: the name that people use and four random characters, so that every run has its own folder and log. */
import { randomBytes } from 'node:crypto';

const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789';

export function newRunId(name: string): string {
  const suffix = [...randomBytes(4)].map((byte) => alphabet[byte % alphabet.length]).join('');
  return `${name}-${suffix}`;
}
