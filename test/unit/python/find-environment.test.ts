/** Finds Dynamo by package folders, in the order in which a shell would. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findPythonEnvironment } from '../../../src/python/find-environment.ts';
import { tempFolder } from '../../support/temp-folder.ts';

function venv(packages: readonly string[], site = 'lib/python3.12/site-packages'): string {
  const folder = tempFolder();
  for (const name of packages) mkdirSync(join(folder, site, name), { recursive: true });
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(join(folder, 'bin', 'python3'), '');
  return folder;
}

const both = [
  'ai_dynamo-1.4.2.dist-info',
  'ai_dynamo_runtime-9.9.dist-info',
  'sglang-0.5.16.post1.dist-info',
  'sglang',
];

test('the active venv is read: versions as the packages say', () => {
  const folder = venv(both);
  expect(findPythonEnvironment({ VIRTUAL_ENV: folder })).toEqual({
    folder,
    dynamoVersion: '1.4.2',
    sglangVersion: '0.5.16.post1',
  });
});

test('the GPU-free base has no SGLang; another package with that prefix is none', () => {
  const folder = venv(['ai_dynamo-1.4.2.dist-info', 'sglang_router-0.1.9.dist-info']);
  expect(findPythonEnvironment({ CONDA_PREFIX: folder })).toEqual({
    folder,
    dynamoVersion: '1.4.2',
    sglangVersion: undefined,
  });
});

test('an environment without Dynamo is passed over, also when it is the active one', () => {
  const [empty, full] = [venv(['sglang-0.5.16.dist-info', 'ai_dynamo_runtime-1.4.2.dist-info']), venv(both)];
  expect(findPythonEnvironment({ VIRTUAL_ENV: empty, CONDA_PREFIX: full })?.folder).toBe(full);
  expect(findPythonEnvironment({ VIRTUAL_ENV: empty })).toBeUndefined();
});

test('without an active environment, the one of python3 on PATH is read', () => {
  const [first, second] = [venv(both, 'local/lib/python3.11/dist-packages'), venv([])];
  expect(findPythonEnvironment({ PATH: `/nowhere:${first}/bin:${second}/bin` })?.folder).toBe(first);
  expect(findPythonEnvironment({ PATH: `${second}/bin:${first}/bin` })).toBeUndefined();
});

test('nothing is found in nothing', () => {
  expect(findPythonEnvironment({})).toBeUndefined();
  expect(findPythonEnvironment({ VIRTUAL_ENV: '', PATH: '' })).toBeUndefined();
});
