/** GPUs as nvidia-smi prints them. */
import { expect, test } from 'vitest';
import { parseGpus } from '../../../src/gpu/inventory.ts';

/** Excerpt of a recording on 2 × H200, driver 580.159, reduced to the fields of our query. */
const h200 = `0, GPU-f78affe0-5a44-e33b-9bad-4a15ff27a27c, NVIDIA H200, 143771, 0
1, GPU-4f4ef90c-85c2-c43d-503a-f1f29e80b23c, NVIDIA H200, 143771, 120431
`;

test('two GPUs of a real host', () => {
  expect(parseGpus(h200)).toEqual([
    {
      index: 0,
      uuid: 'GPU-f78affe0-5a44-e33b-9bad-4a15ff27a27c',
      name: 'NVIDIA H200',
      totalMiB: 143_771,
      usedMiB: 0,
    },
    {
      index: 1,
      uuid: 'GPU-4f4ef90c-85c2-c43d-503a-f1f29e80b23c',
      name: 'NVIDIA H200',
      totalMiB: 143_771,
      usedMiB: 120_431,
    },
  ]);
});

test('a GPU whose memory nvidia-smi does not know is still a GPU', () => {
  expect(parseGpus('0, GPU-1, NVIDIA GB10, [N/A], [N/A]\n')).toEqual([
    { index: 0, uuid: 'GPU-1', name: 'NVIDIA GB10', totalMiB: 0, usedMiB: 0 },
  ]);
});

test('warnings around the lines are left out', () => {
  const warning = 'WARNING: infoROM is corrupted at gpu 0000:00:06.0\n';
  expect(parseGpus(warning + h200 + warning)).toHaveLength(2);
});

test('lines of Windows end as others do', () => {
  expect(parseGpus(h200.replaceAll('\n', '\r\n'))).toEqual(parseGpus(h200));
});

test.each(['', '\n\n', 'No devices were found\n', '[Unknown Error], GPU-1, x, 1, 1\n'])(
  '%j holds no GPU',
  (csv) => expect(parseGpus(csv)).toEqual([]),
);
