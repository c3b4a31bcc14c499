/** Real error output of uv 0.13.9, and how it is reported. */
import { expect, test } from 'vitest';
import type { ErrorCode } from '../../../src/base/error.ts';
import { installError } from '../../../src/python/install-failure.ts';

function explain(output: string) {
  return installError({
    what: 'The packages of mocker-1.1.1 could not be installed',
    output: `Using Python 3.11.7 environment at: e/a\n${output}`,
    logFile: '/logs/mocker-1.1.1.log',
    again: 'dynamo setup --engine mocker --version 1.1.1',
  });
}

const noSolution = 'error: No solution found when resolving dependencies\n  cause: Because';

const seen: readonly (readonly [string, string, ErrorCode, RegExp, RegExp])[] = [
  [
    'no such version',
    `${noSolution} there is no version of ai-dynamo==1.9.9 and you require ai-dynamo==1.9.9, we can conclude`,
    'usage',
    /no such version of Dynamo/,
    /--version latest/,
  ],
  [
    'no name service',
    'error: Failed to fetch: http://nowhere.invalid/simple/ai-dynamo/\n  cause: error sending request for url (http://nowhere.invalid/simple/ai-dynamo/)\n  cause: client error (Connect)\n  cause: dns error\n  cause: failed to lookup address information: Name or service not known',
    'unavailable',
    /registry cannot be reached/,
    /^dynamo setup --engine mocker --version 1\.1\.1 .*UV_DEFAULT_INDEX/,
  ],
  [
    'a Python that pyenv only has a word for',
    'error: Failed to inspect Python interpreter from search path at `/root/.pyenv/shims/python3.7`\n  cause: Querying Python at `/root/.pyenv/shims/python3.7` failed with exit status exit status: 127',
    'environment',
    /no Python version that Dynamo supports/,
    /--python \/path/,
  ],
  [
    'connection refused',
    'error: Failed to fetch: http://127.0.0.1:9/simple/ai-dynamo/\n  cause: tcp connect error\n  cause: Connection refused (os error 111)',
    'unavailable',
    /registry cannot be reached/,
    /when the network is back/,
  ],
  [
    'offline',
    `${noSolution} ai-dynamo was not found in the cache and you require ai-dynamo==1.4.2\n\nhint: Packages were unavailable because the network was disabled.`,
    'unavailable',
    /work offline/,
    /^env -u UV_OFFLINE dynamo setup/,
  ],
  [
    'a registry without the package',
    `${noSolution} ai-dynamo was not found in the package registry and you require ai-dynamo==1, we can conclude`,
    'unavailable',
    /does not have a required package/,
    /unset UV_DEFAULT_INDEX/,
  ],
  [
    'requirements that conflict',
    `${noSolution} only certifi<=2026.10.18 is available and ai-dynamo==1.6.1 depends on certifi>=2026.10.19`,
    'unavailable',
    /requirements of the packages conflict/,
    /^less \/logs/,
  ],
  [
    'no Python',
    'error: No interpreter found for Python 3.47 in managed installations or search path',
    'environment',
    /no Python version that Dynamo supports/,
    /--python/,
  ],
  [
    'a full disk',
    'error: Failed to install: fsspec-2026.9.0-py3-none-any.whl\n  cause: failed to copy file: No space left on device (os error 28)',
    'cannot-write',
    /disk is full/,
    /free some space/,
  ],
];

test.for(seen)('%s', ([, output, code, why, hint]) => {
  const error = explain(output);
  expect(error.code).toBe(code);
  expect(error.message).toMatch(/^The packages of mocker-1\.1\.1 could not be installed: /);
  expect(error.message).toMatch(why);
  expect(error.hint).toMatch(hint);
  expect(error.details.join('\n')).toContain(output.split('\n')[0]);
});

test('lines wrapped by an older uv are joined', () => {
  const error = explain(
    '  × No solution found when resolving dependencies:\n  ╰─▶ Because there is no version of\n      ai-dynamo==1.1.99 and you require',
  );
  expect(error.code).toBe('usage');
  expect(error.details[0]).toContain('× No solution found');
});

test('anything else shows the last lines and the log file', () => {
  const error = explain('one\ntwo\nthree\nfour\nfive\nsix');
  expect(error.message).toBe('The packages of mocker-1.1.1 could not be installed.');
  expect(error.details).toEqual([
    '  two',
    '  three',
    '  four',
    '  five',
    '  six',
    'full log: /logs/mocker-1.1.1.log',
  ]);
});
