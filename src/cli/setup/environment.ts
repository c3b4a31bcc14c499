/** Creates one Python environment: disk space, an empty environment, packages, and a check that they can be imported. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DynamoError } from '../../base/error.ts';
import {
  folderSize,
  installerCache,
  leastSpace,
  readSetupRecord,
  type SetupRecord,
  writeSetupRecord,
} from '../../python/setup-folders.ts';
import { installError } from '../../python/install-failure.ts';
import {
  importCommand,
  installCommand,
  makeEnvironmentCommand,
  pythonVersionIn,
} from '../../python/installer-commands.ts';
import { interpreterIn } from '../../python/read-environment.ts';
import type { Recipe } from '../../python/recipe.ts';
import { diskText } from '../../base/units.ts';
import type { StepView } from '../../view/steps.ts';
import { makeFolder, newLog, type SetupHost } from './host.ts';
import type { Installer } from './installer.ts';

export interface MadeEnvironment {
  readonly folder: string;
  readonly record: SetupRecord;
}

/** The environment in that folder, when it is complete: finished, with the same packages, and with its Python. */
export function wholeEnvironment(folder: string, recipe: Recipe): MadeEnvironment | undefined {
  const record = readSetupRecord(folder);
  if (record?.state !== 'complete' || interpreterIn(folder) === undefined) return undefined;
  const same =
    record.requirements.join() === requirementsOf(recipe).join() &&
    record.overrides.join() === overridesOf(recipe).join();
  return same ? { folder, record } : undefined;
}

function requirementsOf({ requirement, preReleases, additions }: Recipe): string[] {
  return [requirement, ...[...preReleases, ...additions].map(({ line }) => line)];
}

function overridesOf({ overrides }: Recipe): string[] {
  return overrides.map(({ line }) => line);
}

/** Throws `cannot-write` when the disk has less than the recipe needs. */
export async function checkDisk(host: SetupHost, neededBytes: number): Promise<string> {
  const folders = [host.folders.data, installerCache(host.environment)];
  const { folder, freeBytes } = await leastSpace(folders, host.statFs);
  const text = `${diskText(freeBytes)} free, ${diskText(neededBytes)} needed`;
  if (freeBytes >= neededBytes) return text;
  throw new DynamoError('cannot-write', `Not enough disk space for ${folder}: ${text}.`, {
    hint: 'export XDG_DATA_HOME=/a/folder/on/a/larger/disk   # and UV_CACHE_DIR for the downloads',
    fields: { file: folder, freeBytes, neededBytes },
  });
}

/**
 * An unfinished one is replaced: downloads are in the installer's cache, and to the installer a package that was being
 * written when it died looks complete. Throws what `installError` returns, and `cannot-write` for a folder of others.
 */
export async function makeEnvironment(
  host: SetupHost,
  installer: Installer,
  recipe: Recipe,
  python: string | undefined,
): Promise<MadeEnvironment> {
  const startedAt = host.clock.now();
  const folder = join(host.folders.environments, recipe.name);
  await clearUnfinished(folder);
  makeFolder(folder);
  const record: SetupRecord = {
    state: 'unfinished',
    engine: recipe.holds,
    version: recipe.version,
    requirements: requirementsOf(recipe),
    overrides: overridesOf(recipe),
  };
  writeSetupRecord(folder, record);
  const work: Work = { host, uv: installer.uv, recipe, folder, logFile: newLog(host, recipe.name) };
  try {
    const { pythonVersion, bytes } = await fill(work, python);
    const tookMs = host.clock.now() - startedAt;
    const complete: SetupRecord = { ...record, state: 'complete', pythonVersion, bytes, tookMs };
    writeSetupRecord(folder, complete);
    return { folder, record: complete };
  } catch (error) {
    // After an interruption the user can continue; after a failure only the log stays.
    if (!host.stop.aborted) await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function fill(
  work: Work,
  python: string | undefined,
): Promise<{ pythonVersion: string | undefined; bytes: number }> {
  const { steps, stop } = work.host;
  await steps.step('environment', async (view) => await emptyEnvironment(work, python, view));
  await steps.step('packages', async (view) => await packages(work, view));
  const pythonVersion = await steps.step('check', async (view) => await check(work, view));
  const bytes = await steps.step('size', async (view) => {
    const sum = await folderSize(work.folder);
    view.title(`size: ${diskText(sum)}`);
    return sum;
  });
  stop.throwIfAborted();
  return { pythonVersion, bytes };
}

interface Work {
  readonly host: SetupHost;
  readonly uv: string;
  readonly recipe: Recipe;
  readonly folder: string;
  readonly logFile: string;
}

/** Throws `cannot-write` for a folder that `dynamo setup` did not create. */
async function clearUnfinished(folder: string): Promise<void> {
  const foreign =
    existsSync(folder) && readdirSync(folder).length > 0 && readSetupRecord(folder) === undefined;
  if (foreign) {
    throw new DynamoError('cannot-write', `${folder} already exists, but dynamo setup did not create it.`, {
      hint: `mv ${folder} ${folder}.old`,
      fields: { file: folder },
    });
  }
  await rm(folder, { recursive: true, force: true });
}

async function emptyEnvironment(work: Work, python: string | undefined, view: StepView): Promise<void> {
  const { host, uv, folder } = work;
  const output = await runStep(work, makeEnvironmentCommand(uv, folder, python ?? work.recipe.pythonRange), {
    what: `The environment ${work.recipe.name} could not be created`,
    view,
  });
  const used = /^Using (.+) interpreter at: (.+)$/m.exec(output);
  if (used !== null) view.title(`environment: ${used[1]} from ${used[2]}`);
  if (interpreterIn(folder) === undefined)
    throw installError({ what: `${uv} created no Python in ${folder}`, output, ...tryAgain(work) });
  host.stop.throwIfAborted();
}

async function packages(work: Work, view: StepView): Promise<void> {
  const { uv, folder, recipe } = work;
  const overridesFile = join(folder, 'overrides.txt');
  writeFileSync(
    overridesFile,
    overridesOf(recipe)
      .map((line) => `${line}\n`)
      .join(''),
  );
  const output = await runStep(work, installCommand(uv, folder, recipe, overridesFile), {
    what: `The packages of ${recipe.name} could not be installed`,
    view,
  });
  const installed = /^Installed (\d+) packages/m.exec(output)?.[1];
  view.title(
    `packages: ${recipe.requirement}${installed === undefined ? '' : ` and its dependencies, ${installed} packages`}`,
  );
}

async function check(work: Work, view: StepView): Promise<string | undefined> {
  const { host, folder, recipe, logFile } = work;
  const argv = importCommand(folder, recipe);
  const { succeeded, output } = await host.run(argv, logFile, view.caption);
  if (!succeeded) {
    const last = output.trimEnd().split('\n').slice(-5);
    throw new DynamoError('environment', `${recipe.name} is installed, but cannot be imported.`, {
      details: [...last.map((line) => `  ${line}`), `Full log: ${logFile}`],
      hint: recipe.installedBy,
      fields: { file: folder, logFile },
    });
  }
  view.title(`check: ${recipe.imports.join(', ')} can be imported`);
  return pythonVersionIn(output);
}

async function runStep(
  work: Work,
  argv: Parameters<SetupHost['run']>[0],
  { what, view }: { readonly what: string; readonly view: StepView },
): Promise<string> {
  const { succeeded, output } = await work.host.run(argv, work.logFile, view.caption);
  if (succeeded) return output;
  throw installError({ what, output, ...tryAgain(work) });
}

function tryAgain({ logFile, recipe }: Work): { logFile: string; again: string } {
  return { logFile, again: recipe.installedBy };
}
