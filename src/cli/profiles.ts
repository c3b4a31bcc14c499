/** `dynamo profiles`: lists the profiles that can be started, shows their parameters, and validates profile files. */
import type { Environment } from '../base/environment.ts';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { listProfiles, validateProfile } from '../profile/list.ts';
import { shownProfile } from '../profile/shown.ts';
import { fitLines, terminalWidth } from '../view/wrap.ts';
import { gpuCount, profilePage, profileTable } from '../view/profile-table.ts';
import { styleFor } from '../view/style.ts';
import { modelFact } from '../deployment/model-facts.ts';
import { openProfile, profileLibrary, profileNames } from '../deployment/load-profile.ts';
import { shippedFolder } from '../package/self.ts';
import { projectProfile } from './operands.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo profiles                           list all profiles and where each comes from
  dynamo profiles show disagg               show its components and parameters
  dynamo profiles validate ./mine.yaml      report every error, with line and column
  dynamo profiles schema > profile.schema.json

Your own profiles go into ./launch-profiles or $XDG_CONFIG_HOME/dynamo/launch-profiles; the first one found is used.`;

interface ProfilesFlags {
  readonly json?: true;
}

export const configure: Configure = (command, settle, environment) => {
  command
    .argument('[what]')
    .option('--json', 'print JSON')
    .addHelpText('after', examples)
    .action(async (what: string | undefined, flags: ProfilesFlags) => {
      if (what !== undefined) throw unknownSubcommand(what);
      settle(await list(flags, environment));
    });
  command
    .command('list', { isDefault: false })
    .description('list all profiles')
    .option('--json', 'print JSON')
    .action(async (_, self) => settle(await list(self.optsWithGlobals(), environment)));
  command
    .command('show')
    .description('show one profile with its parameters')
    .argument('<profile>')
    .option('--json', 'print JSON')
    .action(async (asked: string, _, self) => settle(await show(asked, self.optsWithGlobals(), environment)));
  command
    .command('validate')
    .description('check profiles and report every error')
    .argument('[profile...]', 'default: all of them, and dynamo.yaml of this folder')
    .action(async (asked: string[]) => settle(await validate(asked, environment)));
  command
    .command('schema')
    .description('print the JSON Schema of profile files')
    .action(async () => settle(await schema(environment)));
  // Set after the subcommands, which would inherit it: `profiles shwo agg` is a typo, not one argument too many.
  command.allowExcessArguments();
  for (const sub of command.commands) sub.exitOverride().configureOutput({ outputError: () => {} });
};

function unknownSubcommand(what: string): DynamoError {
  const known = ['list', 'show', 'validate', 'schema'];
  const meant = nearest(what, known);
  return new DynamoError('usage', `There is no command ${JSON.stringify(`profiles ${what}`)}.`, {
    hint: meant === undefined ? `one of: ${known.join(', ')}` : `did you mean: dynamo profiles ${meant}`,
    fields: { asked: what, choices: known, nearest: meant },
  });
}

async function list({ json }: ProfilesFlags, environment: Environment): Promise<number> {
  const profiles = await listProfiles(profileLibrary(environment));
  if (json === true) {
    const rows = profiles.map(({ profile, error, ...row }) => ({
      ...row,
      gpus: profile === undefined ? undefined : gpuCount(profile),
      error: error?.message,
    }));
    process.stdout.write(`${JSON.stringify({ version: 1, profiles: rows }, undefined, 2)}\n`);
    return 0;
  }
  const table = profileTable(profiles, styleFor(process.stdout, environment));
  process.stdout.write(`${fitLines(table, terminalWidth(process.stdout))}\n`);
  return 0;
}

async function show(asked: string, { json }: ProfilesFlags, environment: Environment): Promise<number> {
  const opened = await openProfile(asked, [], environment);
  const profile = shownProfile(opened.profile);
  const text =
    json === true
      ? JSON.stringify(profile, undefined, 2)
      : fitLines(
          profilePage(profile, asked, styleFor(process.stdout, environment)),
          terminalWidth(process.stdout),
        );
  process.stdout.write(`${text}\n`);
  return 0;
}

/** Checks all of them, then fails with the exit code of the first error. */
async function validate(operands: readonly string[], environment: Environment): Promise<number> {
  const asked = operands.length > 0 ? operands : [...(await profileNames(environment)), ...ownProject()];
  const errors: DynamoError[] = [];
  for (const each of asked) {
    try {
      const request = { ...profileLibrary(environment), asked: each, settings: [], environment };
      const { profile } = await validateProfile(request, (model) => {
        const fact = modelFact(model, environment);
        return fact.kind === 'missing' ? fact : undefined;
      });
      process.stdout.write(`${profile.file}: valid\n`);
    } catch (error) {
      if (!(error instanceof DynamoError)) throw error;
      errors.push(error);
    }
  }
  const [first, ...rest] = errors;
  if (first === undefined) return 0;
  if (rest.length === 0) throw first;
  const details = errors.flatMap((error) => [error.message, ...error.details, '']);
  throw new DynamoError(first.code, `${errors.length} of ${asked.length} profiles are not valid.`, {
    details,
    hint: first.hint,
    fields: first.fields,
  });
}

function ownProject(): string[] {
  const project = projectProfile();
  return project === undefined ? [] : [project];
}

async function schema(environment: Environment): Promise<number> {
  process.stdout.write(
    await readFile(join(shippedFolder(environment), 'launch-profiles', 'profile.schema.json'), 'utf8'),
  );
  return 0;
}
