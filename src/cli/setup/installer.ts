/** Finds uv, or downloads a private one with pip. Not pip alone: it cannot override what packages require. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoError } from '../../base/error.ts';
import { compareVersions } from '../../base/package-version.ts';
import { installError } from '../../python/install-failure.ts';
import {
  oldestUv,
  privateUv,
  privateUvCommands,
  uvVersionCommand,
  uvVersionIn,
} from '../../python/installer-commands.ts';
import { locateOnPath, locatePython } from '../../python/read-environment.ts';
import { makeFolder, newLog, type SetupHost } from './host.ts';

export interface Installer {
  /** Path of uv; it may have to be downloaded first. */
  readonly uv: string;
  readonly version: string;
  /** Why this one, in words. */
  readonly because: string;
  readonly present: boolean;
}

/** Changes nothing. */
export async function findInstaller(host: SetupHost): Promise<Installer> {
  const onPath = locateOnPath('uv', host.environment)?.python;
  const version = onPath === undefined ? undefined : await versionOf(host, onPath);
  if (onPath !== undefined && version !== undefined && compareVersions(version, oldestUv) >= 0)
    return { uv: onPath, version, because: 'on PATH', present: true };
  const folder = join(host.folders.tools, `uv-${privateUv}`);
  const uv = join(folder, 'bin', 'uv');
  const reason =
    version === undefined ? 'uv is not on PATH' : `uv ${version} on PATH is older than ${oldestUv}`;
  const present = existsSync(uv) && (await versionOf(host, uv)) === privateUv;
  const how = present ? 'already downloaded' : 'downloaded with pip';
  return { uv, version: privateUv, because: `${reason}: a private one, ${how}`, present };
}

/** Throws `environment` without a Python to download it with, and what `installError` returns. */
export async function fetchInstaller(
  host: SetupHost,
  installer: Installer,
  python: string | undefined,
): Promise<void> {
  if (installer.present) return;
  const named = python === undefined ? undefined : locatePython(python, host.environment);
  const located = named ?? locateOnPath('python3', host.environment);
  if (located === undefined) {
    throw new DynamoError('environment', 'Neither uv nor python3 is on PATH.', {
      hint: 'curl -LsSf https://astral.sh/uv/install.sh | sh   # or: sudo apt-get install python3-venv',
      fields: { program: 'python3' },
    });
  }
  const folder = join(host.folders.tools, `uv-${privateUv}`);
  makeFolder(host.folders.tools);
  const logFile = newLog(host, 'uv');
  for (const argv of privateUvCommands(located.python, folder)) {
    const { succeeded, output } = await host.run(argv, logFile);
    if (succeeded) continue;
    if (/ensurepip is not|No module named '?(venv|ensurepip)/.test(output)) throw noVenv(located.python);
    const what = 'The installer uv could not be downloaded';
    throw installError({ what, output, logFile, again: 'dynamo setup' });
  }
}

function noVenv(python: string): DynamoError {
  return new DynamoError('environment', `${python} cannot create environments: its module venv is missing.`, {
    hint: 'sudo apt-get install python3-venv   # or: curl -LsSf https://astral.sh/uv/install.sh | sh',
    fields: { program: python },
  });
}

async function versionOf(host: SetupHost, uv: string): Promise<string | undefined> {
  const { succeeded, output } = await host.run(uvVersionCommand(uv));
  return succeeded ? uvVersionIn(output) : undefined;
}
