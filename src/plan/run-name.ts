/** The name of a run: as requested, or derived from the name of its profile. */
import { DynamoError } from '../base/error.ts';
import type { Profile } from '../profile/profile.ts';
import type { Choice } from './plan.ts';

/** What `--name` accepts: the name becomes part of file names and command lines. */
const longestName = 40;
const validName = /^[a-z0-9][a-z0-9_-]*$/;

export function isRunName(text: string): boolean {
  return validName.test(text) && text.length <= longestName;
}

/** `flag`: the option that set it. */
export function badRunName(flag: string, seen: string): DynamoError {
  return new DynamoError(
    'usage',
    `${flag} ${JSON.stringify(seen)}: expected at most ${longestName} lower-case letters, digits, _ and -.`,
    { hint: `${flag} ${cleanName(seen) || 'NAME'}`, fields: { option: flag, asked: seen } },
  );
}

/**
 * As Docker Compose derives a project name from a folder: keeps lower-case letters, digits, `_` and `-`, and starts with
 * a letter or a digit; at most 40 characters. Empty when nothing is left.
 */
export function cleanName(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '')
    .slice(0, longestName);
}

/** Throws `usage` for an invalid name, and when no name can be derived from the profile. */
export function runNameOf(asked: string | undefined, { name, file }: Pick<Profile, 'name' | 'file'>): string {
  if (asked !== undefined && !isRunName(asked)) throw badRunName('--name', asked);
  const made = asked ?? cleanName(name);
  if (made !== '') return made;
  throw new DynamoError(
    'usage',
    `No run name can be derived from ${file}: a run name is at most ${longestName} of a-z, 0-9, _ and -, and starts with a letter or a digit.`,
    { hint: '--name NAME', fields: { file } },
  );
}

/** A choice to report when the name differs from that of the profile. */
export function nameChoices(asked: string | undefined, profile: Profile): Choice[] {
  const value = runNameOf(asked, profile);
  if (asked !== undefined || value === profile.name) return [];
  const because = `from ${JSON.stringify(profile.name)}: only lower-case letters, digits, _ and - are kept; --name sets another`;
  return [{ what: 'name', value, because }];
}
