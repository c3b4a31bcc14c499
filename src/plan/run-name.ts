/** The name of a run: as asked for, or made from that of its profile. */
import { DynamoError } from '../base/error.ts';
import type { Profile } from '../profile/profile.ts';
import type { Choice } from './plan.ts';

/** What `--name` takes: it becomes the name of files, and part of command lines. */
const longestName = 40;
const validName = /^[a-z0-9][a-z0-9_-]*$/;

export function isRunName(text: string): boolean {
  return validName.test(text) && text.length <= longestName;
}

/** `flag`: what gave it. */
export function badRunName(flag: string, seen: string): DynamoError {
  return new DynamoError(
    'usage',
    `${flag} ${JSON.stringify(seen)}: expected up to ${longestName} lower-case letters, digits, _ and -.`,
    { hint: `${flag} ${cleanName(seen) || 'NAME'}` },
  );
}

/**
 * As Docker Compose makes the name of a project from that of a folder: small letters, digits, `_` and `-` stay, the
 * first is a letter or a digit. And no more than 40 of them. Empty when nothing is left.
 */
export function cleanName(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '')
    .slice(0, longestName);
}

/** Throws `usage` for a name that is none, and when the name of the profile holds nothing that a name may hold. */
export function runNameOf(asked: string | undefined, { name, file }: Pick<Profile, 'name' | 'file'>): string {
  if (asked !== undefined && !isRunName(asked)) throw badRunName('--name', asked);
  const made = asked ?? cleanName(name);
  if (made !== '') return made;
  throw new DynamoError(
    'usage',
    `No name for a run can be made of ${file}: it needs one of a-z and 0-9, and up to ${longestName} of these, _ and -.`,
    { hint: '--name NAME' },
  );
}

/** Told where the name is not that of the profile. */
export function nameChoices(asked: string | undefined, profile: Profile): Choice[] {
  const value = runNameOf(asked, profile);
  if (asked !== undefined || value === profile.name) return [];
  const because = `from ${JSON.stringify(profile.name)}: small letters, digits, _ and - stay; --name takes another`;
  return [{ what: 'name', value, because }];
}
