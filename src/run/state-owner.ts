/** Root in the state folder of another user, as with `sudo -E`: it acts as that user, and starts nothing there. */
import type { Environment } from '../base/environment.ts';
import { lstatSync } from 'node:fs';
import { DynamoError } from '../base/error.ts';
import { stateFolder } from './folders.ts';

/** `undefined` where we are not root, where it is root's, and where there is none yet. */
function foreignOwner(folder: string): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  try {
    const stat = lstatSync(folder);
    return stat.uid === 0 ? undefined : stat;
  } catch {
    return undefined; // none yet, or none can be: who makes it says why
  }
}

/**
 * For verbs about runs that are there: what they write would be root's, and lock the user out; and a link that the user
 * has put there would be followed with the rights of root. The user's rights are all that is needed to end the user's
 * processes. Cannot be taken back: for the process of a command alone.
 */
export function actAsOwner(environment: Environment): void {
  const owner = foreignOwner(stateFolder(environment));
  if (owner === undefined) return;
  try {
    process.setgroups?.([owner.gid]);
    process.setgid?.(owner.gid);
    process.setuid?.(owner.uid);
  } catch {
    // A container or a user namespace that knows no such user: root is all that there is.
  }
}

/** For what starts a run. Throws `not-allowed`. */
export function requireOwnState(environment: Environment): void {
  const folder = stateFolder(environment);
  const owner = foreignOwner(folder);
  if (owner === undefined) return;
  throw new DynamoError(
    'not-allowed',
    `The state folder ${folder} belongs to user ${owner.uid}: what root starts there, that user could not end.`,
    {
      hint: `sudo -u '#${owner.uid}' dynamo …   # or, for runs of root: export XDG_STATE_HOME=/root/.local/state`,
    },
  );
}
