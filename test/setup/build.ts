/**
 * Builds dist/ before tests that start real processes, so that they test what users run. Not when it is newer than all
 * that it is made of, and files of earlier builds stay: another test run in this checkout may still use them.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const sources = ['src', 'scripts', 'launch-profiles', 'package.json', 'node_modules/.package-lock.json'];

export function setup(): void {
  if (isFresh()) return;
  execFileSync(process.execPath, ['scripts/build.js', '--keep'], { stdio: 'inherit' });
}

function isFresh(): boolean {
  const built = changedAt('dist/main.js');
  return built !== undefined && sources.flatMap(below).every((path) => (changedAt(path) ?? Infinity) < built);
}

/** Folders too: what is removed changes the folder that held it. */
function below(path: string): string[] {
  if (changedAt(path) === undefined || !statSync(path).isDirectory()) return [path];
  return [path, ...readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name))];
}

function changedAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}
