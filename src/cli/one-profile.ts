/** The one profile that a command line names. */
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { concealWords } from '../base/secrets.ts';
import { profileLibrary } from '../deployment/load-profile.ts';
import { profileRows } from '../view/profile-table.ts';

/** Throws `usage` unless `operands` name exactly one, with the profiles that there are. */
export async function oneProfile(
  operands: readonly string[],
  verb: string,
  environment: Environment,
): Promise<string> {
  const [asked, ...more] = operands;
  if (asked === undefined) {
    const { listProfiles } = await import('../profile/list.ts');
    throw new DynamoError('usage', `dynamo ${verb} needs a profile.`, {
      details: profileRows(await listProfiles(profileLibrary(environment))),
      hint: `dynamo ${verb} agg`,
    });
  }
  if (more.length > 0) {
    const shown = concealWords(more).join(' ');
    throw new DynamoError('usage', `dynamo ${verb} takes one profile, not also ${shown}.`, {
      hint: `arguments for the workers stand after --: dynamo ${verb} ${asked} -- ${shown}`,
    });
  }
  return asked;
}
