/** Tools and registries of the user for test commands that install something. */
import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { World } from '../../e2e/harness/world.ts';

/** Everything except variables that lead to this user's runs, environments and test run. */
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

/** Runs to the end. Rejects with the output unless it exits with 0. */
export async function runTool(program: string, words: readonly string[], cwd?: string): Promise<void> {
  await promisify(execFile)(program, words, {
    env: realEnvironment(),
    ...(cwd === undefined ? {} : { cwd }),
  });
}

/** Into `node_modules` of the test's working directory. Needs the network, and its time. */
export async function npmInstall(world: World, ...packages: readonly string[]): Promise<void> {
  await runTool('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages], world.work);
}

/** For test commands that use installed software: folders of the test, and its PATH followed by the user's. */
export function withPath(world: World, ...first: readonly string[]): Record<string, string> {
  return { PATH: [...first, dirname(process.execPath), process.env['PATH'] ?? ''].join(':') };
}
