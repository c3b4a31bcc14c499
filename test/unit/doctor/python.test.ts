/** Checks of Python packages (cuDNN, NIXL, Dynamo, SGLang) and the driver. */
import { expect, test } from 'vitest';
import { DynamoError } from '../../../src/base/error.ts';
import { cudnn, nixl, packages } from '../../../src/doctor/checks/python-environment.ts';
import { driver } from '../../../src/doctor/checks/gpu-health.ts';
import type { GpuReport } from '../../../src/doctor/host-view.ts';
import { finding, onGpus, pythonWith, subjectOf } from '../../support/doctor-host.ts';
import { disaggregated, frontend, profileOf, worker } from '../../support/profile.ts';

const site = '/venv/lib/python3.12/site-packages';
const vision = profileOf({ components: { frontend, worker: worker('aggregated', { multimodal: true }) } });
const oldCudnn = pythonWith({ torch: '2.9.1', 'nvidia-cudnn-cu12': '9.10.2.21' });

test('cudnn fails for a vision model on torch 2.9.1 with an old cuDNN, and offers both fixes', async () => {
  const found = await finding(cudnn, { ...oldCudnn, subject: onGpus(vision) });
  expect(found).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('torch 2.9.1 with cuDNN 9.10.2.21'),
  });
  expect(found.fix).toContain('pip install nvidia-cudnn-cu12==9.16.0.29');
  expect(found.fix).toContain('SGLANG_DISABLE_CUDNN_CHECK=1');
});

test('cudnn warns if the model is unknown; files of the model count more than its profile', async () => {
  expect(await finding(cudnn, oldCudnn)).toMatchObject({ status: 'warn' });
  const components = { frontend, worker: worker('aggregated', { multimodal: true }) };
  const local = profileOf({ model: '/models/m', components });
  const textOnly = { ...oldCudnn.files, '/models/m/config.json': '{"hidden_size":8}' };
  expect(await finding(cudnn, { ...oldCudnn, files: textOnly, subject: onGpus(local) })).toMatchObject({
    status: 'ok',
  });
  const sees = { ...oldCudnn.files, '/models/m/config.json': '{"vision_config":{}}' };
  expect(await finding(cudnn, { ...oldCudnn, files: sees, subject: onGpus(local) })).toMatchObject({
    status: 'fail',
  });
});

test.each([
  ['a new cuDNN', pythonWith({ torch: '2.9.1', 'nvidia-cudnn-cu13': '9.16.0.29' })],
  ['another torch', pythonWith({ torch: '2.11.0', 'nvidia-cudnn-cu12': '9.10.2.21' })],
])('cudnn is silent with %s', async (_, python) => {
  expect(await finding(cudnn, { ...python, subject: onGpus(vision) })).toMatchObject({ status: 'ok' });
});

test('cudnn is silent if the profile disables the check', async () => {
  const subject = onGpus(vision);
  const processes = subject.plan?.processes.map((spec) => ({
    ...spec,
    env: { SGLANG_DISABLE_CUDNN_CHECK: '1' },
  }));
  const off = onGpus(vision, processes === undefined ? {} : { processes });
  expect(await finding(cudnn, { ...oldCudnn, subject: off })).toMatchObject({ status: 'ok' });
});

test('cudnn asks the library if no package has it, and is skipped if nothing tells', async () => {
  const bare = pythonWith({ torch: '2.9.1' });
  const asks = { ...bare, programs: { '/venv/bin/python3 -c import ctypes': { stdout: '91300\n' } } };
  expect(await finding(cudnn, asks)).toMatchObject({
    status: 'warn',
    evidence: expect.stringContaining('cuDNN 9.13'),
  });
  expect(await finding(cudnn, bare)).toMatchObject({ status: 'skip' });
  expect(await finding(cudnn, pythonWith({ 'ai-dynamo': '1.4.2' }))).toMatchObject({ status: 'skip' });
  expect(await finding(cudnn)).toMatchObject({ status: 'skip' });
});

const h200: GpuReport = {
  state: 'answers',
  driverVersion: '580.159.04',
  cudaVersion: '13.0',
  gpus: [{ index: 0, uuid: 'GPU-1', name: 'NVIDIA H200', totalMiB: 143_771, usedMiB: 0 }],
};

function torchWith(cuda: string) {
  const python = pythonWith({ torch: '2.11.0' });
  const text = `from typing import Optional\n__version__ = '2.11.0'\ncuda: Optional[str] = '${cuda}'\n`;
  return { ...python, files: { ...python.files, [`${site}/torch/version.py`]: text } };
}

test('driver fails if it is too old for the CUDA of torch', async () => {
  const old = { ...h200, driverVersion: '550.54.15', cudaVersion: '12.4' };
  expect(await finding(driver, { ...torchWith('13.0'), gpus: old })).toMatchObject({
    status: 'fail',
    evidence: expect.stringMatching(/CUDA 13\.0, driver 550\.54\.15/),
  });
  // Within a major version CUDA is compatible.
  expect(await finding(driver, { ...torchWith('12.8'), gpus: old })).toMatchObject({ status: 'warn' });
});

test('driver warns about another libcuda that takes precedence', async () => {
  const environment = { LD_LIBRARY_PATH: '/opt/lib:/usr/local/cuda/compat' };
  expect(await finding(driver, { ...torchWith('13.0'), gpus: h200, environment })).toMatchObject({
    status: 'warn',
    fix: 'export LD_LIBRARY_PATH=/opt/lib',
  });
});

test('driver is silent if it is new enough, and skipped without GPU or torch', async () => {
  expect(await finding(driver, { ...torchWith('13.0'), gpus: h200 })).toMatchObject({ status: 'ok' });
  expect(await finding(driver, { gpus: h200 })).toMatchObject({ status: 'skip' });
  expect(await finding(driver, torchWith('13.0'))).toMatchObject({ status: 'skip' });
  const silent = { ...h200, driverVersion: undefined };
  expect(await finding(driver, { ...torchWith('13.0'), gpus: silent })).toMatchObject({ status: 'skip' });
});

const whole = pythonWith({
  'ai-dynamo': '1.4.2',
  'ai-dynamo-runtime': '1.4.2',
  sglang: '0.5.16',
  nixl: '0.7.1',
});

test('nixl fails if disaggregation lacks it or it cannot be loaded', async () => {
  const subject = onGpus(disaggregated);
  const without = pythonWith({ 'ai-dynamo': '1.4.2', sglang: '0.5.16' });
  expect(await finding(nixl, { ...without, subject })).toMatchObject({ status: 'fail' });
  expect(await finding(nixl, without)).toMatchObject({ status: 'warn' });
  const broken = {
    '/venv/bin/python3': { code: 1, stderr: 'Traceback\nImportError: libucp.so.0: no such file' },
  };
  expect(await finding(nixl, { ...whole, subject, programs: broken })).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('ImportError: libucp.so.0'),
  });
});

test('nixl warns about an old system UCX that takes precedence', async () => {
  const found = await finding(nixl, {
    ...whole,
    environment: { LD_LIBRARY_PATH: '/usr/lib/x86_64-linux-gnu' },
    programs: { 'dpkg-query': { stdout: '1.16.0+ds-5' } },
  });
  expect(found).toMatchObject({ status: 'warn', evidence: expect.stringContaining('UCX 1.16.0') });
});

test('nixl is silent if it loads, and skipped if no KV blocks are transferred', async () => {
  const loads = { '/venv/bin/python3 -c import nixl': {} };
  expect(await finding(nixl, { ...whole, subject: onGpus(disaggregated), programs: loads })).toMatchObject({
    status: 'ok',
  });
  expect(await finding(nixl, { ...whole, subject: onGpus(vision) })).toMatchObject({ status: 'skip' });
  expect(await finding(nixl, { ...whole, subject: subjectOf(disaggregated) })).toMatchObject({
    status: 'skip',
  });
  expect(await finding(nixl)).toMatchObject({ status: 'skip' });
});

test('packages fails if versions of Dynamo do not match', async () => {
  const mixed = pythonWith({ 'ai-dynamo': '1.4.2', 'ai-dynamo-runtime': '1.3.1', sglang: '0.5.16' });
  expect(await finding(packages, mixed)).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('ai-dynamo is 1.4.2 and ai-dynamo-runtime is 1.3.1'),
  });
});

test('packages fails if SGLang is planned but missing, or nothing is installed although there is a GPU', async () => {
  const base = pythonWith({ 'ai-dynamo': '1.4.2', 'ai-dynamo-runtime': '1.4.2' });
  expect(await finding(packages, { ...base, subject: onGpus(vision) })).toMatchObject({ status: 'fail' });
  expect(await finding(packages, { gpus: h200 })).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('no python3, no uv'),
  });
  const named = new DynamoError('environment', '--python /x: there is no Python interpreter.');
  expect(await finding(packages, { python: named })).toMatchObject({
    status: 'fail',
    evidence: '--python /x: there is no Python interpreter.',
  });
});

test('packages warns about a Python without wheels, and a skipped active environment', async () => {
  const files = Object.fromEntries(Object.keys(whole.files).map((path) => [path.replace('3.12', '3.9'), '']));
  expect(await finding(packages, { ...whole, files })).toMatchObject({
    status: 'warn',
    evidence: expect.stringContaining('Python 3.9'),
  });
  expect(await finding(packages, { ...whole, environment: { VIRTUAL_ENV: '/other' } })).toMatchObject({
    status: 'warn',
    evidence: expect.stringContaining('VIRTUAL_ENV is /other'),
  });
});

test('packages warns about planned flags unknown to the installed sources', async () => {
  const planned = subjectOf(vision);
  const argv = ['/venv/bin/python3', '-m', 'dynamo.sglang', '--page-size', '16', '--no-radix', '--bogus=1'];
  const processes = planned.plan?.processes.map((spec) => ({ ...spec, argv })) ?? [];
  const subject = subjectOf(vision, { engine: 'sglang', processes });
  const sources = {
    ...whole.files,
    [`${site}/sglang/srt/server_args.py`]: 'class ServerArgs:\n    page_size: int\n    radix: bool\n',
  };
  expect(await finding(packages, { ...whole, files: sources, subject })).toMatchObject({
    status: 'warn',
    evidence: expect.stringContaining('is started with --bogus, which'),
  });
  const knows = { ...sources, [`${site}/dynamo/sglang/args.py`]: 'add("--bogus")' };
  expect(await finding(packages, { ...whole, files: knows, subject })).toMatchObject({ status: 'ok' });
});

test('packages is silent if everything fits, and skipped for the embedded engine or if none is needed', async () => {
  expect(await finding(packages, whole)).toMatchObject({
    status: 'ok',
    evidence: 'ai-dynamo 1.4.2, sglang 0.5.16, Python 3.12 in /venv',
  });
  expect(await finding(packages, { subject: subjectOf(vision) })).toMatchObject({ status: 'skip' });
  expect(await finding(packages)).toMatchObject({ status: 'skip' });
});
