/** Which engine serves, and why: never a simulated answer on a machine that could give a real one. */
import { expect, test } from 'vitest';
import { chooseEngine } from '../../../src/plan/choose-engine.ts';
import type { Gpu, PythonEnvironment } from '../../../src/plan/request.ts';
import { host } from '../../support/profile.ts';

const h200: Gpu = { index: 0, uuid: 'GPU-1', name: 'NVIDIA H200', totalMiB: 143_771, usedMiB: 0 };
const gpus = [h200, { ...h200, index: 1, uuid: 'GPU-2' }];
const base: PythonEnvironment = {
  folder: '/venv',
  python: '/venv/bin/python3',
  dynamoVersion: '1.4.2',
  sglangVersion: undefined,
  torchVersion: undefined,
  because: 'the active environment, VIRTUAL_ENV',
};

test('without a GPU the embedded engine serves, and says why', () => {
  const { engine, choice } = chooseEngine('auto', host());
  expect(engine.name).toBe('sim');
  expect(choice).toEqual({
    what: 'engine',
    value: 'sim',
    because: 'this host has no NVIDIA GPU: answers are simulated (--engine chooses another)',
  });
});

test('when the GPUs could not be read, the reason quotes the problem', () => {
  const gpuProblem = 'nvidia-smi is here but did not answer within 5 s';
  expect(chooseEngine('auto', host({ gpuProblem })).choice.because).toContain(gpuProblem);
});

test.each([undefined, base])('GPUs without SGLang (%j) are an error with two ways on', (python) => {
  expect(() => chooseEngine('auto', host({ gpus, python }))).toThrow(
    expect.objectContaining({
      code: 'environment',
      exitCode: 78,
      message: 'This host has 2 × NVIDIA H200, but no SGLang for them.',
      details: expect.arrayContaining([
        expect.stringContaining('dynamo setup --engine sglang'),
        expect.stringContaining('--engine sim'),
      ]),
    }),
  );
});

test('GPUs with SGLang choose sglang, which this version refuses clearly', () => {
  const python = { ...base, sglangVersion: '0.5.16' };
  expect(() => chooseEngine('auto', host({ gpus, python }))).toThrow(
    expect.objectContaining({
      code: 'environment',
      message: expect.stringMatching(
        /sglang yet \(2 × NVIDIA H200, Dynamo 1\.4\.2 with SGLang 0\.5\.16 in \/venv\)/,
      ),
    }),
  );
});

test.each(['mocker', 'sglang'] as const)('--engine %s is refused clearly, with a way on', (asked) => {
  expect(() => chooseEngine(asked, host())).toThrow(
    expect.objectContaining({ code: 'environment', hint: expect.stringContaining('--engine sim') }),
  );
});

test('--engine sim is taken on any host', () => {
  expect(chooseEngine('sim', host({ gpus })).choice).toEqual({
    what: 'engine',
    value: 'sim',
    because: '--engine sim',
  });
});
