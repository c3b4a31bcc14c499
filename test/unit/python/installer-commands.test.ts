/** Command lines for installers, how their output is parsed, and what they inherit. */
import { expect, test } from 'vitest';
import {
  importCommand,
  installCommand,
  installerEnvironment,
  makeEnvironmentCommand,
  newestVersionIn,
  pythonVersionIn,
  uvVersionIn,
} from '../../../src/python/installer-commands.ts';
import { recipeFor } from '../../../src/python/recipe.ts';

test('an environment starts from the Python that the user names', () => {
  expect(makeEnvironmentCommand('/bin/uv', '/envs/a', '3.12')).toEqual(
    '/bin/uv venv --allow-existing --no-project --python 3.12 /envs/a'.split(' '),
  );
});

test('overrides use a file if there are any; pre-releases are never allowed in general', () => {
  const plain = installCommand('uv', '/e', recipeFor('sglang', '1.4.2'), '/o.txt');
  expect(plain).toEqual(
    'uv pip install --python /e/bin/python3 --compile-bytecode ai-dynamo[sglang]==1.4.2 flash-attn-4>=4.0.0b18'.split(
      ' ',
    ),
  );
  const overridden = installCommand('uv', '/e', recipeFor('mocker', '1.6.1'), '/o.txt');
  expect(overridden.join(' ')).toContain('--override /o.txt ai-dynamo==1.6.1');
});

test('imports are checked in isolation, without PYTHONPATH', () => {
  const [python, isolated, ...rest] = importCommand('/e', { imports: ['torch', 'sglang'] });
  expect([python, isolated]).toEqual(['/e/bin/python3', '-I']);
  expect(rest.slice(-2)).toEqual(['torch', 'sglang']);
});

test('output is parsed wherever the answer is', () => {
  expect(uvVersionIn('uv 0.13.9 (x86_64-unknown-linux-gnu)')).toBe('0.13.9');
  expect(uvVersionIn('bash: uv: cannot execute')).toBeUndefined();
  expect(newestVersionIn('warning: x\nai-dynamo==1.3.0.post1\n')).toBe('1.3.0.post1');
  expect(newestVersionIn('error')).toBeUndefined();
  expect(pythonVersionIn('a warning of a package\npython 3.12.1')).toBe('3.12.1');
  expect(pythonVersionIn('')).toBeUndefined();
});

test('variables that lead to another environment are not inherited, others are', () => {
  const inherited = installerEnvironment({
    PATH: '/bin',
    VIRTUAL_ENV: '/v',
    CONDA_PREFIX: '/c',
    PYTHONPATH: '/p',
    UV_PRERELEASE: 'allow',
    FORCE_COLOR: '1',
    UV_CACHE_DIR: '/cache',
    HTTPS_PROXY: 'http://proxy',
    GONE: undefined,
  });
  expect(inherited).toEqual({
    PATH: '/bin',
    UV_CACHE_DIR: '/cache',
    HTTPS_PROXY: 'http://proxy',
    NO_COLOR: '1',
    UV_NO_PROGRESS: '1',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
  });
});

test('a registry configured for pip only is used after those of uv', () => {
  const pip = { PIP_INDEX_URL: 'https://mirror/simple', PIP_EXTRA_INDEX_URL: 'https://extra/simple' };
  expect(installerEnvironment(pip)).toMatchObject({
    UV_DEFAULT_INDEX: 'https://mirror/simple',
    UV_INDEX: 'https://extra/simple',
  });
  expect(installerEnvironment({ ...pip, UV_DEFAULT_INDEX: 'https://uv/simple' })).toMatchObject({
    UV_DEFAULT_INDEX: 'https://uv/simple',
  });
});
