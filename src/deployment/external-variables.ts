/** Lets the environment say what a profile says of its etcd and NATS: what reads it need not know who said so. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';
import { infraNames, type InfraName } from '../plan/infra.ts';
import { type ReferenceReader, variablesOfProfile } from '../plan/infra-access.ts';
import type { Profile } from '../profile/profile.ts';

/** What stood in the environment before the profile had its say. */
let replaced: Readonly<Record<string, string | undefined>> = {};

/** As the caller set it: what a profile says of its etcd and NATS is for the deployment alone. */
export function callersEnvironment(): NodeJS.ProcessEnv {
  const environment = { ...process.env };
  for (const [name, value] of Object.entries(replaced)) {
    if (value === undefined) delete environment[name];
    else environment[name] = value;
  }
  return environment;
}

/**
 * What the profile before this one said is taken back: `smoke` runs several. `needed`: others are not asked for, nor
 * their secrets. Throws `environment` when a secret is not where the profile says.
 */
export function sayExternals(
  profile: Profile | undefined,
  needed: Readonly<Partial<Record<InfraName, string>>>,
): void {
  setAll(replaced);
  replaced = {};
  if (profile === undefined) return;
  const said = Object.assign(
    {},
    ...infraNames
      .filter((name) => needed[name] !== undefined)
      .map((name) => variablesOfProfile(name, profile, process.env, reader)),
  ) as Record<string, string | undefined>;
  replaced = Object.fromEntries(Object.keys(said).map((name) => [name, process.env[name]]));
  setAll(said);
}

function setAll(variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

const reader: ReferenceReader = {
  secret: (key, reference) => {
    if (reference?.env !== undefined) return fromEnvironment(key, reference.env);
    return reference?.file === undefined ? undefined : fromFile(key, pathOf(reference.file));
  },
  path: (written) => (written === undefined ? undefined : pathOf(written)),
};

function fromEnvironment(key: string, name: string): string {
  const value = process.env[name];
  if (value !== undefined && value !== '') return value;
  throw new DynamoError('environment', `${key} of the profile is in ${name}, which is not set.`, {
    hint: `export ${name}=…`,
  });
}

function fromFile(key: string, file: string): string {
  try {
    const value = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    if (value !== '') return value;
  } catch (error) {
    throw unread(key, file, messageOf(error));
  }
  throw unread(key, file, 'it is empty');
}

function unread(key: string, file: string, why: string): DynamoError {
  return new DynamoError(
    'environment',
    `${key} of the profile is in ${file}, which cannot be used: ${why}.`,
    {
      hint: `ls -l ${file}`,
    },
  );
}

function pathOf(written: string): string {
  return written.startsWith('~/') ? join(homedir(), written.slice(2)) : written;
}
