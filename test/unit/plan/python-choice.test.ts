/** What a plan says about the Python environment that serves. */
import { expect, test } from 'vitest';
import { engines } from '../../../src/engine/engines.ts';
import { pythonChoices } from '../../../src/plan/python-choice.ts';

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

test('the embedded engine needs no Python, so nothing is said', () => {
  expect(pythonChoices(engines.sim, python)).toEqual([]);
  expect(pythonChoices(engines.mocker, undefined)).toEqual([]);
});
