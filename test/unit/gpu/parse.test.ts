/** Output of nvidia-smi, recorded on real machines and in failure modes. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  numberIn,
  parseComputeApps,
  parseCudaVersion,
  reasonIn,
  textIn,
} from '../../../src/gpu/nvidia-smi.ts';
import { gpuOf, parseMigInstances, parseRows } from '../../../src/gpu/inventory.ts';

const recorded = (file: string): string =>
  readFileSync(new URL(`../../fixtures/gpu/h200-x2/${file}`, import.meta.url), 'utf8');

/** The columns of the recording that we read. */
const columns = [
  'index',
  'uuid',
  'name',
  'memory.total',
  'memory.used',
  'memory.free',
  'driver_version',
] as const;
const gpus = (csv: string) => parseRows(csv, columns).map(gpuOf);

test('an orphaned scheduler of SGLang and an unowned process, from a real host', () => {
  const recording = new URL('../../fixtures/gpu/h200-x2-clean/with-memory.compute-apps.csv', import.meta.url);
  expect(parseComputeApps(readFileSync(recording, 'utf8'))).toEqual([
    { gpuUuid: 'GPU-21359717-ee16-6eb1-d174-f3a7cb61c09e', pid: 7842, name: 'python3', usedMiB: 2566 },
    {
      gpuUuid: 'GPU-9a836c83-0479-7bfe-8b58-2a3141c5388d',
      pid: 8943,
      name: 'sglang::scheduler',
      usedMiB: 8002,
    },
  ]);
});

test('a worker of images: its scheduler, and the main process, which has a context of its own', () => {
  const recording = new URL('../../fixtures/gpu/h200/compute-apps-diffusion.csv', import.meta.url);
  expect(parseComputeApps(readFileSync(recording, 'utf8'))).toMatchObject([
    { pid: 4241, name: '/opt/dynamo/bin/python3', usedMiB: 518 },
    { pid: 4379, name: 'sgl_diffusion::scheduler', usedMiB: 5948 },
  ]);
});

test('two GPUs of a real host, with units and a heading', () => {
  expect(gpus(recorded('query-gpu-agg.csv'))).toEqual([
    {
      index: 0,
      uuid: 'GPU-4ec75720-25ec-56b5-7f74-ce5f9804893d',
      name: 'NVIDIA H200',
      totalMiB: 143_771,
      usedMiB: 7_960,
      freeMiB: 135_197,
      driver: '580.159.04',
    },
    {
      index: 1,
      uuid: 'GPU-13980918-59fd-6561-3681-e429505bf3f1',
      name: 'NVIDIA H200',
      totalMiB: 143_771,
      usedMiB: 0,
      freeMiB: 143_156,
      driver: '580.159.04',
    },
  ]);
});

test('a GPU whose memory nvidia-smi does not know is still a GPU', () => {
  expect(gpus('0, GPU-1, NVIDIA GB10, [N/A], [N/A]\n')).toEqual([
    { index: 0, uuid: 'GPU-1', name: 'NVIDIA GB10', totalMiB: 0, usedMiB: 0 },
  ]);
});

test('a Jetson is a GPU, without the prefix of others and with the memory of its host', () => {
  const orin = '0, 54bf1cca-ecba-5aa2-a00a-1c0a3f1b1f8f, Orin (nvgpu), [N/A], [N/A], [N/A], 540.4.0\n';
  expect(gpus(orin)).toEqual([
    {
      index: 0,
      uuid: '54bf1cca-ecba-5aa2-a00a-1c0a3f1b1f8f',
      name: 'Orin (nvgpu)',
      totalMiB: 0,
      usedMiB: 0,
      driver: '540.4.0',
    },
  ]);
});

test('one without a UUID is identified by its index; partial memory values are kept', () => {
  expect(gpus('3, [N/A], Thor, 1000, [Not Supported], [Not Supported], 1\n')).toMatchObject([
    { index: 3, uuid: 'index-3', totalMiB: 0, usedMiB: 0 },
  ]);
  expect(gpus('0, GPU-1, x, 1000, [N/A], 400, 1\n')).toMatchObject([{ totalMiB: 1_000, usedMiB: 600 }]);
  expect(gpus('0, GPU-1, x, [N/A], 100, 400, 1\n')).toMatchObject([{ totalMiB: 500, freeMiB: 400 }]);
});

test('warnings between the lines are ignored', () => {
  const warning = 'WARNING: infoROM is corrupted at gpu 0000:00:06.0\n';
  expect(gpus(warning + recorded('query-gpu.csv') + warning)).toHaveLength(2);
});

test('Windows line endings are accepted', () => {
  const csv = recorded('query-gpu.csv');
  expect(gpus(csv.replaceAll('\n', '\r\n'))).toEqual(gpus(csv));
});

test.each(['', '\n\n', 'No devices were found\n', '[Unknown Error], GPU-1, x, 1, 1\n'])(
  '%j contains no GPU',
  (csv) => expect(gpus(csv)).toEqual([]),
);

test('processes of a real host: an unowned one, a scheduler, and one that is starting', () => {
  const apps = parseComputeApps(recorded('compute-apps-oom-race.csv'));
  expect(apps.map(({ pid, name, usedMiB }) => [pid, name, usedMiB])).toEqual([
    [3235, 'sglang::scheduler', 128_458],
    [2810, 'python3', 141_922],
    [3449, 'sglang::scheduler', 682],
  ]);
});

test('a process on two GPUs has a line for each', () => {
  const apps = parseComputeApps(recorded('compute-apps-live.csv')).filter(({ pid }) => pid === 621);
  expect(apps.map(({ usedMiB }) => usedMiB)).toEqual([518, 3_682]);
});

test.each([
  ['GPU-1, 12, [Not Found], [N/A]', { gpuUuid: 'GPU-1', pid: 12 }],
  ['GPU-1, 12, python a,b, 5', { gpuUuid: 'GPU-1', pid: 12, name: 'python a, b', usedMiB: 5 }],
  ['MIG-1, 12, x, [Insufficient Permissions]', { gpuUuid: 'MIG-1', pid: 12, name: 'x' }],
  ['54bf1cca-ecba, 12, x, [N/A]', { gpuUuid: '54bf1cca-ecba', pid: 12, name: 'x' }],
])('%j is one process', (line, app) => expect(parseComputeApps(line)).toEqual([app]));

test.each([
  '',
  'No running processes found',
  'GPU-1, [N/A], x, 5',
  'Unable to determine the device handle for GPU 1: x, y, z',
])('%j is not one', (line) => expect(parseComputeApps(line)).toEqual([]));

test('the CUDA version is in the heading, and in --version under two names', () => {
  expect(parseCudaVersion(recorded('nvidia-smi.txt'))).toBe('13.0');
  expect(parseCudaVersion('DRIVER version      : 550.54.15\nCUDA Version        : 12.4\n')).toBe('12.4');
  expect(parseCudaVersion('CUDA UMD Version    : 13.1')).toBe('13.1');
  expect(parseCudaVersion('| CUDA Version: N/A |')).toBeUndefined();
});

test('cells without a value are undefined, never 0', () => {
  for (const cell of ['[N/A]', 'N/A', '[Not Supported]', '[Insufficient Permissions]', '', undefined]) {
    expect(numberIn(cell)).toBeUndefined();
    expect(textIn(cell)).toBeUndefined();
  }
  expect([numberIn('0'), numberIn(' 7950 MiB '), numberIn('78.79 W')]).toEqual([0, 7_950, 78.79]);
  expect(numberIn('ERR!')).toBeUndefined();
  expect(reasonIn('[Insufficient Permissions]')).toBe('Insufficient Permissions');
  expect(reasonIn('5')).toBeUndefined();
});

test.each([
  [
    'three-of-one',
    [
      [0, '2g.10gb', 10_240],
      [0, '2g.10gb', 10_240],
      [0, '2g.10gb', 10_240],
    ],
  ],
  [
    'one-of-each',
    [
      [0, '1g.10gb', 10_240],
      [1, '1g.10gb', 10_240],
    ],
  ],
  [
    'legacy-three-profiles',
    [
      [0, '4g.20gb', 20_480],
      [0, '2g.10gb', 10_240],
      [0, '1g.5gb', 5_120],
    ],
  ],
  [
    'legacy-two-of-six',
    [
      [4, '3g.20gb', 20_480],
      [4, '3g.20gb', 20_480],
      [5, '3g.20gb', 20_480],
      [5, '3g.20gb', 20_480],
    ],
  ],
] as const)('the instances of real divided GPUs: %s', (file, expected) => {
  const list = readFileSync(new URL(`../../fixtures/gpu/mig/${file}.txt`, import.meta.url), 'utf8');
  const instances = parseMigInstances(list);
  expect(instances.map(({ gpu, profile, totalMiB }) => [gpu, profile, totalMiB])).toEqual(expected);
  const uuids = new Set(instances.map(({ uuid }) => uuid));
  expect(uuids.size).toBe(expected.length);
  for (const uuid of uuids) expect(list).toContain(`(UUID: ${uuid})`);
});

test('instances without a GPU are ignored', () => {
  expect(parseMigInstances('  MIG 1g.5gb      Device  0: (UUID: MIG-1)\n')).toEqual([]);
});
