/** `dynamo setup remove`: takes away what `dynamo setup` made, and never what something runs from. */
import type { Environment } from '../../base/environment.ts';
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DynamoError } from '../../base/error.ts';
import { nearest } from '../../base/nearest.ts';
import { quote } from '../../base/terminal-text.ts';
import { usersOfFolder } from '../../process/open-files.ts';
import { installerCache, writeSetupRecord } from '../../python/setup-folders.ts';
import { locateOnPath } from '../../python/read-environment.ts';
import { homePath } from '../../view/home-path.ts';
import { sizeText } from '../../view/size.ts';
import { silentSteps } from '../../view/steps.ts';
import { requireLinux } from '../../package/platform.ts';
import { withSetupHost } from './host.ts';
import { allSetups, type Setup } from './list.ts';

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
        const size = setup.record.bytes === undefined ? '' : ` (${sizeText(setup.record.bytes)})`;
        say(`removed ${setup.name}${size}`);
      }
      if (all === true)
        for (const folder of [folders.tools, folders.logs])
          await rm(folder, { recursive: true, force: true });
      const cache = installerCache(environment);
      if (chosen.length > 0 && existsSync(cache))
        say(
          `downloads stay in ${homePath(cache)} for the next time; to free them too: ${freeing(cache, environment)}`,
        );
      if (chosen.length === 0) say('there is nothing to remove');
      return 0;
    },
    environment,
  );
}

/** The private uv is no command of the user's. */
function freeing(cache: string, environment: Environment): string {
  return locateOnPath('uv', environment) === undefined ? `rm -r ${quote(cache)}` : 'uv cache clean';
}

function chosenSetups(names: readonly string[], all: boolean, environment: Environment): Setup[] {
  const setups = allSetups(environment);
  if (all) return setups;
  const known = setups.map(({ name }) => name);
  if (names.length === 0) {
    throw new DynamoError('usage', 'What shall be removed?', {
      hint: known.length === 0 ? 'dynamo setup list' : `dynamo setup remove ${known[0]}`,
    });
  }
  return names.map((name) => {
    const setup = setups.find((each) => each.name === name);
    if (setup !== undefined) return setup;
    const meant = nearest(name, known);
    throw new DynamoError('usage', `dynamo setup has made no ${JSON.stringify(name)}.`, {
      hint: meant === undefined ? 'dynamo setup list' : `did you mean: dynamo setup remove ${meant}`,
    });
  });
}

function refuseWhileUsed({ name, folder }: Setup): void {
  const users = usersOfFolder(folder);
  if (users.length === 0) return;
  throw new DynamoError('busy', `${name} is in use.`, {
    details: users.map(({ pid, command }) => `  ${pid}  ${command}`),
    hint: 'dynamo down --all   # or end these processes',
  });
}

/** The record goes last: what is left half way is still known as ours, and as unfinished. */
async function removeSetup({ folder, record }: Setup): Promise<void> {
  writeSetupRecord(folder, { ...record, state: 'unfinished' });
  const entries = await readdir(folder);
  const content = entries.filter((entry) => entry !== 'dynamo-setup.json');
  for (const entry of content) await rm(join(folder, entry), { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
}
