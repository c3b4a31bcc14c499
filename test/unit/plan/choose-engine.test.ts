/** Which engine is chosen, from which Python environment, and the reason that the plan gives. */
import { expect, test } from 'vitest';
import { engines } from '../../../src/engine/engines.ts';
import { chooseEngine, pythonChoices } from '../../../src/plan/choose-engine.ts';
import type { Gpu } from '../../../src/plan/request.ts';
import { host, pythonOf } from '../../support/profile.ts';

const h200: Gpu = { index: 0, uuid: 'GPU-1', name: 'NVIDIA H200', totalMiB: 143_771, usedMiB: 0 };
const gpus = [h200, { ...h200, index: 1, uuid: 'GPU-2' }];
const base = pythonOf('1.4.2');
const withSglang = pythonOf('1.4.2', '0.5.16');
const onGpu = { device: 'gpu' } as const;
const onCpu = { device: 'cpu' } as const;

test('without a GPU, the embedded engine is chosen, with the reason', () => {
  const { engine, choices } = chooseEngine('auto', onGpu, host());
  expect(engine.kind.name).toBe('sim');
  expect(choices).toEqual([
    {
      what: 'engine',
      value: 'sim',
      because: 'this host has no NVIDIA GPU: answers are simulated (--engine selects another engine)',
    },
  ]);
});

test('if GPUs could not be read, the reason quotes the problem', () => {
  const gpuProblem = 'nvidia-smi is here but did not answer within 5 s';
  expect(chooseEngine('auto', onGpu, host({ gpuProblem })).choices[0]?.because).toContain(gpuProblem);
});

test.each([undefined, base])('GPUs without SGLang (%j) are an error with two options', (python) => {
  expect(() => chooseEngine('auto', onGpu, host({ gpus, python }))).toThrow(
    expect.objectContaining({
      code: 'environment',
      exitCode: 78,
      message: 'This host has 2 × NVIDIA H200, but SGLang is not installed.',
      details: expect.arrayContaining([
        expect.stringContaining('dynamo setup --engine sglang'),
        expect.stringContaining('--engine sim'),
      ]),
    }),
  );
});

test('GPUs with SGLang choose sglang', () => {
  const { engine, choices } = chooseEngine('auto', onGpu, host({ gpus, python: withSglang }));
  expect(engine).toMatchObject({ kind: { name: 'sglang' }, needsGpus: true });
  expect(choices[0]?.because).toBe('2 × NVIDIA H200, Dynamo 1.4.2 with SGLang 0.5.16 in /venv');
});

test('device: cpu chooses sglang if there is SGLang, with or without GPUs', () => {
  for (const facts of [{ gpus }, {}]) {
    const { engine, choices } = chooseEngine('auto', onCpu, host({ ...facts, python: withSglang }));
    expect(engine).toMatchObject({ kind: { name: 'sglang' }, needsGpus: false });
    expect(choices[0]?.because).toContain('device: cpu');
  }
  expect(chooseEngine('auto', onCpu, host()).engine.kind.name).toBe('sim');
});

test.each([
  ['mocker', undefined, 'no Python environment here contains Dynamo'],
  ['sglang', undefined, 'no Python environment here contains Dynamo'],
  ['sglang', base, '/venv contains Dynamo 1.4.2, but not SGLang'],
] as const)('--engine %s with the Python %j is refused, with a fix', (asked, python, reason) => {
  expect(() => chooseEngine(asked, onGpu, host({ gpus, python }))).toThrow(
    expect.objectContaining({
      code: 'environment',
      message: expect.stringContaining(reason),
      hint: expect.stringContaining(`dynamo setup --engine ${asked}`),
    }),
  );
});

test('--engine sglang without a GPU suggests device=cpu', () => {
  expect(() => chooseEngine('sglang', onGpu, host({ python: withSglang }))).toThrow(
    expect.objectContaining({ code: 'environment', hint: expect.stringContaining('--set device=cpu') }),
  );
  expect(chooseEngine('sglang', onCpu, host({ python: withSglang })).engine.kind.name).toBe('sglang');
});

test('--engine mocker needs only Dynamo', () => {
  expect(chooseEngine('mocker', onGpu, host({ python: base })).engine).toMatchObject({
    kind: { name: 'mocker' },
    needsGpus: false,
  });
});

test('a newer version is mentioned, a too old one refused', () => {
  const { choices } = chooseEngine('mocker', onGpu, host({ python: pythonOf('1.9.0') }));
  expect(choices[1]).toMatchObject({ what: 'version', value: '1.9.0' });
  expect(() => chooseEngine('mocker', onGpu, host({ python: pythonOf('1.0.1') }))).toThrow('too old');
});

test('--engine sim works on any host', () => {
  expect(chooseEngine('sim', onGpu, host({ gpus })).choices).toEqual([
    { what: 'engine', value: 'sim', because: '--engine sim' },
  ]);
});

const python = {
  folder: '/envs/sglang-1.4.2',
  python: '/envs/sglang-1.4.2/bin/python3',
  dynamoVersion: '1.4.2',
  backends: { sglang: '0.5.16' },
  torchVersion: '2.11.0',
  because: 'made by dynamo setup',
};

test('the engines in Python name the folder, the versions and the reason', () => {
  expect(pythonChoices(engines.sglang, python)).toEqual([
    {
      what: 'python',
      value: '/envs/sglang-1.4.2',
      because: 'Dynamo 1.4.2 with SGLang 0.5.16: made by dynamo setup',
    },
  ]);
  expect(pythonChoices(engines.mocker, { ...python, backends: {} })[0]?.because).toBe(
    'Dynamo 1.4.2: made by dynamo setup',
  );
});

test('the embedded engine needs no Python and mentions none', () => {
  expect(pythonChoices(engines.sim, python)).toEqual([]);
  expect(pythonChoices(engines.mocker, undefined)).toEqual([]);
});
