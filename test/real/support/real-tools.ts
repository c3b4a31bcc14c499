/** The tools and the registries of this machine's user for commands of a test that install something. */
import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { World } from '../../e2e/harness/world.ts';

/** All but what would lead to this user's runs, environments and test run. */
function realEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined &&
        !/^(XDG_|VIRTUAL_ENV|CONDA_PREFIX|DYNAMO_|DYN_|NODE_|npm_(package|lifecycle)|VITEST|JEST|PYTHON)/.test(
          entry[0],
        ),
    ),
  );
}

/** To the end. Rejects with what it said unless it ends with 0. */
export async function runTool(program: string, words: readonly string[], cwd?: string): Promise<void> {
  await promisify(execFile)(program, words, {
    env: realEnvironment(),
    ...(cwd === undefined ? {} : { cwd }),
  });
}

/** Into `node_modules` of the world's working folder. Takes the network, and the time that it needs. */
export async function npmInstall(world: World, ...packages: readonly string[]): Promise<void> {
  await runTool('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages], world.work);
}

/** For commands in a world that use what is installed: its folders, and the PATH of this machine's user behind its own. */
export function withPath(world: World, ...first: readonly string[]): Record<string, string> {
  return { PATH: [...first, dirname(process.execPath), process.env['PATH'] ?? ''].join(':') };
}
