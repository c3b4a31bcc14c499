/** Which Python environment is used: search order, requirements, and the reason in a plan. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { engines, type UpstreamName } from '../../../src/engine/engines.ts';
import { findPythonEnvironment, type PythonSearch } from '../../../src/python/find-environment.ts';
import { prefix, setUp, venv } from '../../support/python-folder.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const base = ['ai_dynamo-1.4.2', 'ai_dynamo_runtime-9.9'];
const both = [...base, 'sglang-0.5.16.post1', 'torch-2.11.0'];

/** Independent of this machine. */
function find(environment: PythonSearch['environment'], engine: UpstreamName = 'sglang', asked?: string) {
  const HOME = tempFolder();
  return findPythonEnvironment({
    environment: { HOME, ...environment },
    backend: engines[engine].python.backend,
    asked,
  });
}

test('the active venv is read, with versions from its packages', () => {
  const folder = venv(both);
  expect(find({ VIRTUAL_ENV: folder })).toEqual({
    folder,
    python: join(folder, 'bin', 'python3'),
    dynamoVersion: '1.4.2',
    backends: { sglang: '0.5.16.post1' },
    torchVersion: '2.11.0',
    because: 'the active environment, VIRTUAL_ENV',
  });
});

test('the base package has no SGLang; another package with that prefix does not count', () => {
  const folder = venv([...base, 'sglang_router-0.1.9']);
  const found = find({ CONDA_PREFIX: folder }, 'mocker');
  expect(found).toMatchObject({
    dynamoVersion: '1.4.2',
    backends: { sglang: undefined },
    torchVersion: undefined,
  });
  expect(found?.because).toBe('the active conda environment, CONDA_PREFIX');
});

test('environments are searched in order', () => {
  const [asked, variable, active, conda, path] = [0, 1, 2, 3, 4].map(() => venv(both)) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const data = tempFolder();
  const made = setUp(data, 'sglang-1.4.2', both);
  const places: Record<string, string> = {
    DYNAMO_PYTHON: variable,
    VIRTUAL_ENV: active,
    CONDA_PREFIX: conda,
    XDG_DATA_HOME: data,
    PATH: `${path}/bin`,
  };
  expect(find(places, 'sglang', asked)?.folder).toBe(asked);
  for (const [name, folder] of Object.entries({ ...places, XDG_DATA_HOME: made, PATH: path })) {
    expect(find(places)?.folder, name).toBe(folder);
    delete places[name];
  }
  expect(find(places)).toBeUndefined();
});

test('an active environment without SGLang is skipped for one with it, and the plan says so', () => {
  const [active, data] = [venv(base), tempFolder()];
  const made = setUp(data, 'sglang-1.4.2', both);
  const places = { VIRTUAL_ENV: active, XDG_DATA_HOME: data };
  const found = find(places);
  expect(found?.folder).toBe(made);
  expect(found?.because).toBe(`made by dynamo setup; not ${active}: it has Dynamo but not SGLang`);
  expect(find(places, 'mocker')?.folder).toBe(active);
});

test('if none has SGLang, the first with Dynamo is reported, so that an error can say what is missing', () => {
  const folder = venv(base);
  expect(find({ VIRTUAL_ENV: folder })).toMatchObject({ folder, backends: { sglang: undefined } });
});

test('among those of `dynamo setup`, the newest complete one that fits is used', () => {
  const data = tempFolder();
  setUp(data, 'mocker-1.6.1', ['ai_dynamo-1.6.1']);
  setUp(data, 'sglang-1.9.0', ['ai_dynamo-1.9.0', 'sglang-1.0'], 'unfinished');
  setUp(data, 'sglang-1.3.0', ['ai_dynamo-1.3.0', 'sglang-0.5.13']);
  const newest = setUp(data, 'sglang-1.3.0.post1', ['ai_dynamo-1.3.0.post1', 'sglang-0.5.14']);
  const found = find({ XDG_DATA_HOME: data });
  expect(found).toMatchObject({ folder: newest, dynamoVersion: '1.3.0.post1' });
  expect(found?.because).toBe('made by dynamo setup, the newest of 2');
  expect(find({ XDG_DATA_HOME: data }, 'mocker')?.dynamoVersion).toBe('1.6.1');
});

test('an unfinished environment is not used even if active', () => {
  const folder = setUp(tempFolder(), 'sglang-1.4.2', both, 'unfinished');
  expect(find({ VIRTUAL_ENV: folder })).toBeUndefined();
  expect(() => find({ DYNAMO_PYTHON: folder })).toThrow(/dynamo setup did not complete it/);
});

test('without XDG_DATA_HOME, the default folder of `dynamo setup` is used', () => {
  const HOME = tempFolder();
  const folder = setUp(join(HOME, '.local/share'), 'mocker-1.1.1', ['ai_dynamo-1.1.1']);
  expect(find({ HOME }, 'mocker')?.folder).toBe(folder);
});

test('--python accepts a folder, an interpreter, or a command on PATH', () => {
  const folder = venv(both);
  for (const asked of [folder, join(folder, 'bin', 'python3'), 'python3.12']) {
    const found = find({ PATH: `/nowhere:${folder}/bin` }, 'sglang', asked);
    expect(found?.folder, asked).toBe(folder);
    expect(found?.because).toBe('--python');
  }
  expect(find({ PATH: `${folder}/bin` }, 'sglang', 'python3.12')?.python).toBe(`${folder}/bin/python3.12`);
});

test('a named environment is used or an error: nothing replaces it', () => {
  const [full, empty] = [venv(both), venv(['sglang-0.5.16'])];
  expect(() => find({ VIRTUAL_ENV: full }, 'sglang', empty)).toThrow(
    `--python ${empty}: Dynamo (the package ai-dynamo) is not installed.`,
  );
  expect(() => find({ VIRTUAL_ENV: full, DYNAMO_PYTHON: '/nowhere' })).toThrow(
    'DYNAMO_PYTHON /nowhere: no Python interpreter found.',
  );
  const lacking = venv(base);
  expect(find({ VIRTUAL_ENV: full }, 'sglang', lacking)).toMatchObject({ folder: lacking });
});

test('on Debian, packages of the system Python are in dist-packages, and others do not count', () => {
  const system = prefix(both, tempFolder(), 'local/lib/python3.11/dist-packages');
  mkdirSync(join(system, 'lib/python3.9/site-packages/ai_dynamo-0.1.0.dist-info'), { recursive: true });
  const found = find({ PATH: `/nowhere:${system}/bin` });
  expect(found).toMatchObject({ folder: system, dynamoVersion: '1.4.2', because: 'python3 on PATH' });
});

test('`pip install --user` counts for a system Python, not for a venv', () => {
  const HOME = tempFolder();
  prefix(both, join(HOME, '.local'));
  const [system, virtual] = [prefix([]), venv([])];
  expect(find({ HOME, PATH: `${system}/bin` })?.folder).toBe(system);
  expect(find({ HOME, PATH: `${virtual}/bin` })).toBeUndefined();
});

test('a venv with system packages includes those of its base', () => {
  const [system, folder] = [prefix(both), venv([])];
  writeFileSync(
    join(folder, 'pyvenv.cfg'),
    `home = ${system}/bin\ninclude-system-site-packages = true\nversion = 3.12.1\n`,
  );
  expect(find({ VIRTUAL_ENV: folder })?.folder).toBe(folder);
});

test('a pyenv shim resolves to the version that pyenv would start', () => {
  const root = tempFolder();
  const folder = prefix(both, join(root, 'versions', '3.12.1'));
  mkdirSync(join(root, 'shims'));
  symlinkSync('/bin/sh', join(root, 'shims', 'python3'));
  writeFileSync(join(root, 'version'), '3.12.1\n');
  expect(find({ PATH: `${root}/shims` })?.folder).toBe(folder);
  expect(find({ PATH: `${root}/shims`, PYENV_VERSION: '3.9.0' })).toBeUndefined();
});

test('no environment is found in an empty one', () => {
  expect(find({})).toBeUndefined();
  expect(find({ VIRTUAL_ENV: '', PATH: '', DYNAMO_PYTHON: '' })).toBeUndefined();
});
