/** Lets a user who named no profile take one, where there is a terminal. */
import type { Environment } from '../../base/environment.ts';
import { listProfiles } from '../../profile/list.ts';
import { pick } from '../../view/picker.ts';
import { profileRows } from '../../view/profile-table.ts';
import { styleFor } from '../../view/style.ts';
import { profileLibrary } from '../../deployment/load-profile.ts';

/** `undefined` when the user leaves. */
export async function chooseProfile(environment: Environment): Promise<string | undefined> {
  const profiles = await listProfiles(profileLibrary(environment));
  const style = styleFor(process.stderr, environment);
  process.stderr.write('Which profile? Arrow keys or a number, Enter brings it up, Esc leaves.\n');
  const taken = await pick(profileRows(profiles), process.stdin, process.stderr, style);
  const name = taken === undefined ? undefined : profiles[taken]?.name;
  if (name !== undefined) process.stderr.write(`dynamo up ${name}\n`);
  return name;
}
