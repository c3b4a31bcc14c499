/** What `dynamo setup` installed: `list` says whether it is complete and what `up` would use, `remove` removes what is not in use. */
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../../base/environment.ts';
import type { UpstreamKind } from '../../engine/engine.ts';
import { upstreamEngines } from '../../engine/engines.ts';
import { lacksBackend } from '../../plan/choose-engine.ts';
import { findPythonEnvironment } from '../../python/find-environment.ts';
import {
  dataFolders,
  listSetups,
  readSetupRecord,
  type SetupRecord,
  writeSetupRecord,
  installerCache,
} from '../../python/setup-folders.ts';
import { DynamoError } from '../../base/error.ts';
import type { PythonEnvironment } from '../../plan/request.ts';
import { interpreterIn, locateOnPath } from '../../python/read-environment.ts';
import { environmentJson, holdsText, setupTable } from '../../view/setup-text.ts';
import { styleFor, homePath } from '../../view/style.ts';
import { nearest } from '../../base/nearest.ts';
import { quote } from '../../base/terminal-text.ts';
import { usersOfFolder } from '../../process/open-files.ts';
import { diskText } from '../../base/units.ts';
import { silentSteps } from '../../view/steps.ts';
import { requireLinux } from '../../package/platform.ts';
import { withSetupHost } from './host.ts';

interface Setup {
  readonly name: string;
  readonly folder: string;
  readonly record: SetupRecord;
}

/** Everything that `dynamo setup` installed for this user, unfinished ones too. */
export function allSetups(environment: Environment): Setup[] {
  const { environments, infra } = dataFolders(environment);
  const record = readSetupRecord(infra);
  const programs = record === undefined ? [] : [{ name: 'infra', folder: infra, record }];
  return [...listSetups(environments), ...programs];
}

export async function list({ json }: { readonly json?: true }, environment: Environment): Promise<number> {
  const rows = allSetups(environment).map(({ name, folder, record }) => ({
    name,
    holds: holdsText(record),
    state: stateOf(folder, record),
    python: record.pythonVersion,
    bytes: record.bytes,
    folder,
  }));
  const taken = Object.values(upstreamEngines).map((kind) => ({ kind, python: takenFor(kind, environment) }));
  if (json === true) {
    const takenJson = Object.fromEntries(
      taken.map(({ kind, python }) => [
        kind.name,
        typeof python === 'object' ? environmentJson(python) : python,
      ]),
    );
    process.stdout.write(`${JSON.stringify({ version: 1, setups: rows, taken: takenJson }, undefined, 2)}\n`);
    return 0;
  }
  if (rows.length === 0) process.stderr.write('nothing is installed yet: dynamo setup --help\n');
  else process.stdout.write(`${setupTable(rows, styleFor(process.stdout, environment))}\n`);
  for (const { kind, python } of taken) process.stderr.write(`${kind.name}: ${takenText(kind, python)}\n`);
  return 0;
}

/** An environment whose Python was removed still exists, but does not work. */
function stateOf(folder: string, { state, engine }: SetupRecord): string {
  if (state === 'unfinished') return 'unfinished';
  return engine === 'infra' || interpreterIn(folder) !== undefined ? 'complete' : 'its Python is gone';
}

/** What a plan would use, or why it would fail. */
function takenFor(
  { python }: UpstreamKind,
  environment: Environment,
): PythonEnvironment | string | undefined {
  try {
    return findPythonEnvironment({ environment, backend: python.backend });
  } catch (error) {
    if (error instanceof DynamoError) return error.message;
    throw error;
  }
}

function takenText(
  { name, python: need }: UpstreamKind,
  python: PythonEnvironment | string | undefined,
): string {
  if (typeof python === 'string') return python;
  const lacking = python === undefined || lacksBackend(need.backend, python);
  return lacking
    ? `none found; to install one: dynamo setup --engine ${name}`
    : `${python.folder} (${python.because})`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

export async function remove(
  names: readonly string[],
  { all }: { readonly all?: true },
  environment: Environment,
): Promise<number> {
  requireLinux('setup remove');
  return await withSetupHost(
    silentSteps,
    say,
    async ({ folders, stop }) => {
      const chosen = chosenSetups(names, all === true, environment);
      for (const setup of chosen) refuseWhileUsed(setup);
      for (const setup of chosen) {
        stop.throwIfAborted();
        await removeSetup(setup);
        const size = setup.record.bytes === undefined ? '' : ` (${diskText(setup.record.bytes)})`;
        say(`removed ${setup.name}${size}`);
      }
      if (all === true)
        for (const folder of [folders.tools, folders.logs])
          await rm(folder, { recursive: true, force: true });
      const cache = installerCache(environment);
      if (chosen.length > 0 && existsSync(cache))
        say(
          `downloads are kept in ${homePath(cache)}; to remove them, too: ${removalCommand(cache, environment)}`,
        );
      if (chosen.length === 0) say('nothing to remove');
      return 0;
    },
    environment,
  );
}

/** The private uv is not on the user's PATH. */
function removalCommand(cache: string, environment: Environment): string {
  return locateOnPath('uv', environment) === undefined ? `rm -r ${quote(cache)}` : 'uv cache clean';
}

function chosenSetups(names: readonly string[], all: boolean, environment: Environment): Setup[] {
  const setups = allSetups(environment);
  if (all) return setups;
  const known = setups.map(({ name }) => name);
  if (names.length === 0) {
    throw new DynamoError('usage', 'Specify what to remove.', {
      hint: known.length === 0 ? 'dynamo setup list' : `dynamo setup remove ${known[0]}`,
    });
  }
  return names.map((name) => {
    const setup = setups.find((each) => each.name === name);
    if (setup !== undefined) return setup;
    const meant = nearest(name, known);
    throw new DynamoError('usage', `dynamo setup has not installed ${JSON.stringify(name)}.`, {
      hint: meant === undefined ? 'dynamo setup list' : `did you mean: dynamo setup remove ${meant}`,
      fields: { asked: name, choices: known, nearest: meant },
    });
  });
}

function refuseWhileUsed({ name, folder }: Setup): void {
  const users = usersOfFolder(folder);
  if (users.length === 0) return;
  throw new DynamoError('busy', `${name} is in use.`, {
    details: users.map(({ pid, command }) => `  ${pid}  ${command}`),
    hint: 'dynamo down --all   # or end these processes',
    fields: { asked: name, pids: users.map(({ pid }) => pid) },
  });
}

/** The record is removed last: after an interruption, the rest is still known to be from `dynamo setup`, and unfinished. */
async function removeSetup({ folder, record }: Setup): Promise<void> {
  writeSetupRecord(folder, { ...record, state: 'unfinished' });
  const entries = await readdir(folder);
  const content = entries.filter((entry) => entry !== 'dynamo-setup.json');
  for (const entry of content) await rm(join(folder, entry), { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
}
