/** Progress of a start from log lines of real workers. */
import { expect, test } from 'vitest';
import { loadStep } from '../../../src/supervisor/log-steps.ts';
import { doingText } from '../../../src/supervisor/progress.ts';
import { logOf } from '../../support/diagnosis.ts';

test.each([
  [
    'model-00001-of-00004.safetensors:  52%|█████▏    | 2.59G/4.98G [00:25<00:22, 105MB/s]',
    'downloading: model-00001-of-00004.safetensors 52% (2.6 GB of 5.0 GB, 105 MB/s)',
  ],
  ['Fetching 14 files:  36%|███▌      | 5/14 [00:12<00:22,  2.47s/it]', 'downloading: Fetching 14 files 36%'],
  [
    'Downloading (…)del.fp16.safetensors: 100%|██████████| 167M/167M [00:04<00:00, 36.4MB/s]',
    'downloading: Downloading (…)del.fp16.safetensors 100% (167 MB of 167 MB, 36.4 MB/s)',
  ],
  [
    'Loading safetensors checkpoint shards:  40% Completed | 2/5 [00:03<00:05,  1.71s/it]',
    'loading weights: Loading safetensors checkpoint shards 40%',
  ],
  [
    'Capturing batches (bs=4 avail_mem=14.34 GB):  25%|██▌       | 1/4 [00:00<00:01,  2.06it/s]',
    'capturing graphs: Capturing batches 25%',
  ],
  [
    'Multi-thread loading shards:  75% Completed | 3/4 [00:01<00:00, 2.1it/s]',
    'loading weights: Multi-thread loading shards 75%',
  ],
  [
    '2026-11-21T04:36:44.429772Z  INFO model_runner.load_model: Load weight begin. avail mem=138.45 GB',
    'loading weights',
  ],
])('%s', (line, said) => {
  const step = loadStep(line);
  expect(step === undefined ? undefined : doingText(step)).toBe(said);
});

test.each([
  '',
  '2026-11-21T04:36:26.375015Z ERROR http-request: http response sent status=503 latency_ms=0 method=GET uri=/health',
  'waiting: 100% sure',
  '  0%|          | 0/4 [00:00<?, ?it/s]',
  'disk usage: 93%|',
])('does not mention progress: %s', (line) => expect(loadStep(line)).toBeUndefined());

test('a recorded start is seen to progress, its end is not', () => {
  const steps = logOf('gpu-memory-race-1').flatMap((line) => loadStep(line)?.what ?? []);
  expect([...new Set(steps)]).toEqual([
    'ranks',
    'weights',
    'weights are loaded',
    'KV cache',
    'CUDA graphs',
    'CUDA graphs are captured',
    'registration',
  ]);
});
