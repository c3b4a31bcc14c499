/** Python environments as folders without a Python, for tests of finding and creating them. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSetupRecord } from '../../src/python/setup-folders.ts';
import { tempFolder } from './temp-folder.ts';

/** `packages`, such as `ai_dynamo-1.4.2`: the part before `.dist-info`. */
export function venv(packages: readonly string[], folder = tempFolder()): string {
  prefix(packages, folder, 'lib/python3.12/site-packages');
  writeFileSync(join(folder, 'pyvenv.cfg'), 'home = /usr/bin\nversion = 3.12.1\n');
  return folder;
}

/** A Python that is not a virtual environment, with its packages in `site`. */
export function prefix(
  packages: readonly string[],
  folder = tempFolder(),
  site = 'lib/python3.12/site-packages',
) {
  for (const name of packages) mkdirSync(join(folder, site, `${name}.dist-info`), { recursive: true });
  mkdirSync(join(folder, 'bin'), { recursive: true });
  const version = /python3\.\d+/.exec(site)?.[0] ?? 'python3.12';
  writeFileSync(join(folder, 'bin', version), '#!/bin/sh\n', { mode: 0o755, flag: 'a' });
  symlinkSync(version, join(folder, 'bin', 'python3'));
  return folder;
}

/** An environment of `dynamo setup` below `data`, complete or unfinished. */
export function setUp(
  data: string,
  name: string,
  packages: readonly string[],
  state: 'complete' | 'unfinished' = 'complete',
): string {
  const folder = venv(packages, join(data, 'dynamo', 'envs', name));
  const [engine, version = ''] = name.split('-');
  writeSetupRecord(folder, {
    state,
    engine: engine === 'sglang' ? 'sglang' : 'mocker',
    version,
    requirements: [],
    overrides: [],
  });
  return folder;
}
