/** The environment of a deployment: the caller's, with what its profile says of etcd and NATS, as upstream reads it. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../base/error-code.ts';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { infraNames } from '../plan/infra.ts';
import { type ReferenceReader, variablesOfProfile } from '../plan/infra-access.ts';
import { certificateTexts } from '../infra/etcd-session.ts';
import { withoutCredentials } from '../plan/infra-access.ts';
import type { Profile } from '../profile/profile.ts';
import type { InfraQuestion } from './infra-facts.ts';

/**
 * What reads it need not know who said so. What the profile says counts only where an external etcd or NATS may be taken,
 * and only for the one that is needed: other secrets are not asked for. Throws `environment` when a secret is not where the
 * profile says.
 */
export function deploymentEnvironment(
  caller: Environment,
  { profile, infra: { needs, source } }: { readonly profile?: Profile; readonly infra: InfraQuestion },
): Environment {
  const takesExternal = source === 'auto' || source === 'external';
  const said =
    profile === undefined || !takesExternal
      ? []
      : infraNames
          .filter((name) => needs[name] !== undefined)
          .map((name) => variablesOfProfile(name, profile, caller, readerIn(caller)));
  const environment = shownEnvironment(Object.assign({ ...caller }, ...said) as Environment);
  const all = { ...environment, ...certificateTexts(environment) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** Addresses are printed and stored; credentials in them go to the variables that upstream reads them from, too. */
export function shownEnvironment(environment: Environment): Environment {
  return { ...environment, ...withoutCredentials(environment) };
}

function readerIn(environment: Environment): ReferenceReader {
  return {
    secret: (key, reference) => {
      if (reference?.env !== undefined) return secretOf(key, reference.env, environment);
      return reference?.file === undefined ? undefined : fromFile(key, pathOf(reference.file));
    },
    path: (written) => (written === undefined ? undefined : pathOf(written)),
  };
}

function secretOf(key: string, name: string, environment: Environment): string {
  const value = environment[name];
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
