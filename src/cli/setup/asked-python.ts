/** Holds `--python` of `dynamo setup` against what is there: what is named counts, or is an error. */
import { DynamoError } from '../../base/error.ts';
import { locatePython } from '../../python/read-environment.ts';
import type { MadeEnvironment } from './environment.ts';
import type { SetupHost } from './host.ts';

const anyVersion = /^\d+(\.\d+)*$/;

/** Throws `environment` for a path that leads to no Python; a version is the installer's to find, or to fetch. */
export function requirePython(
  asked: string | undefined,
  { environment }: Pick<SetupHost, 'environment'>,
): void {
  if (asked?.includes('/') !== true || locatePython(asked, environment) !== undefined) return;
  throw new DynamoError('environment', `--python ${asked}: there is no Python interpreter.`, {
    hint: 'give the folder of an environment, the path of its python3, or a version: --python 3.12',
  });
}

/** Throws `usage` when what was made before was made from another Python than the one that is asked for now. */
export async function requireSamePython(
  host: Pick<SetupHost, 'environment' | 'run'>,
  name: string,
  { record }: MadeEnvironment,
  asked: string | undefined,
): Promise<void> {
  const wanted = asked === undefined ? undefined : await versionOf(host, asked);
  const { pythonVersion } = record;
  if (wanted === undefined || pythonVersion === undefined || begins(pythonVersion, wanted)) return;
  throw new DynamoError('usage', `${name} is there already, with Python ${pythonVersion}, not ${wanted}.`, {
    hint: `dynamo setup remove ${name}   # then the same command again`,
  });
}

/** `3.12` as it stands; of an interpreter what it says; `undefined` where only the installer knows what is meant. */
async function versionOf(
  { environment, run }: Pick<SetupHost, 'environment' | 'run'>,
  asked: string,
): Promise<string | undefined> {
  if (anyVersion.test(asked)) return asked;
  const located = locatePython(asked, environment);
  if (located === undefined) return undefined;
  const { output } = await run([located.python, '--version']);
  return /^Python (\d+\.\d+)/m.exec(output)?.[1];
}

function begins(version: string, wanted: string): boolean {
  return version === wanted || version.startsWith(`${wanted}.`);
}
