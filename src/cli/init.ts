/** `dynamo init`: writes a commented dynamo.yaml for the project in the working folder, which plain `dynamo up` takes. */
import { existsSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { messageOf } from '../base/error-code.ts';
import { openProfile } from '../deployment/load-profile.ts';
import { shippedFolder } from '../package/self.ts';
import type { Profile, ResolvedParameter } from '../profile/profile.ts';
import { projectFile } from './operands.ts';
import type { Configure } from './verb.ts';

const schemaFile = 'dynamo.schema.json';

const examples = `
Examples:
  dynamo init                          one worker; edit dynamo.yaml, then: dynamo up
  dynamo init disagg --force           prefill and decode in separate workers, in place of the file that is there
  dynamo init agg --model Qwen/Qwen3-8B --force

dynamo up, plan, smoke and exec take dynamo.yaml of the working folder when no profile is named, and read .env beside it as
docker compose does. The run is named after the folder.`;

interface InitFlags {
  readonly model?: string;
  readonly force?: true;
  readonly schema: boolean;
}

export const configure: Configure = (command, settle, environment) => {
  command
    .argument('[profile]', 'profile to begin with: dynamo profiles lists them', 'agg')
    .option('--model <model>', 'Hugging Face id or local folder')
    .option('--force', `replace a ${projectFile} that is there`)
    .option('--no-schema', `write no ${schemaFile}, which editors check the file with`)
    .addHelpText('after', examples)
    .action(async (asked: string, flags: InitFlags) => settle(await init(asked, flags, environment)));
};

async function init(asked: string, flags: InitFlags, environment: Environment): Promise<number> {
  if (existsSync(projectFile) && flags.force !== true) {
    throw new DynamoError('usage', `${projectFile} is there already.`, {
      hint: `dynamo init ${asked} --force   # replaces it; to start it: dynamo up`,
      fields: { file: projectFile },
    });
  }
  const settings =
    flags.model === undefined ? [] : [{ path: 'model', value: flags.model, flag: '--model' as const }];
  const { profile } = await openProfile(asked, settings, environment);
  const schema = await readFile(join(shippedFolder(environment), 'launch-profiles', 'profile.schema.json'));
  write(projectFile, projectText(asked, profile, flags));
  if (flags.schema) write(schemaFile, schema);
  process.stderr.write(
    `wrote ${projectFile}${flags.schema ? ` and ${schemaFile}` : ''}\nnext: dynamo up   # or first: dynamo plan\n`,
  );
  return 0;
}

function write(file: string, content: string | Uint8Array): void {
  try {
    writeFileSync(file, content);
  } catch (cause) {
    throw new DynamoError('cannot-write', `${file} cannot be written: ${messageOf(cause)}.`, {
      cause,
      hint: 'cd into a folder that you can write',
      fields: { file },
    });
  }
}

/** Every parameter of the profile, with its default, as a comment; what was chosen stands as it is. */
export function projectText(
  asked: string,
  profile: Profile,
  { schema, model }: Pick<InitFlags, 'schema' | 'model'>,
): string {
  const workers = Object.entries(profile.components).filter(([, { kind }]) => kind === 'worker');
  const [role = 'worker'] = workers.map(([name]) => name);
  const parameters = Object.entries(profile.parameters);
  const isChosen = (name: string): boolean => name === 'model' && model !== undefined;
  const set = parameters.filter(([name]) => isChosen(name));
  return [
    ...(schema ? [`# yaml-language-server: $schema=./${schemaFile}`] : []),
    `# Started by \`dynamo up\` in this folder. Based on the profile ${asked}: dynamo profiles show ${asked}`,
    `description: ${profile.description}`,
    `extends: ${asked}`,
    '',
    '# Uncomment what you want to change. `dynamo plan` shows what would be started.',
    ...(set.length > 0 ? ['parameters:'] : ['# parameters:']),
    ...parameters.flatMap(([name, parameter]) => parameterLines(name, parameter, isChosen(name))),
    '',
    '# components:',
    `#   ${role}:`,
    '#     replicas: 2',
    '#     # Arguments that the worker gets as they are.',
    '#     engineArgs:',
    '#       sglang: [--context-length, "8192"]',
    '#     env:',
    '#       DYN_LOG: debug',
    '',
  ].join('\n');
}

function parameterLines(name: string, parameter: ResolvedParameter, isChosen: boolean): string[] {
  const mark = isChosen ? '' : '# ';
  const { description, value } = parameter;
  return [
    ...(description === undefined ? [] : [`${mark}  # ${description}`]),
    `${mark}  ${name}:`,
    `${mark}    default: ${value === undefined ? '…' : JSON.stringify(value)}`,
  ];
}
