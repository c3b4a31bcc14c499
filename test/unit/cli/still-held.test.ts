/**
 * Memory of a decode worker stays while prefill has it mapped: nvidia-smi lists no process for it, so the note must.
 */
import { expect, test } from 'vitest';
import { stillHeldText } from '../../../src/deployment/freed-gpus.ts';

const prefill = { name: 'prefill', mode: 'prefill' } as const;
const decode = { name: 'decode', mode: 'decode' } as const;
const worker = { name: 'worker', mode: 'aggregated' } as const;

test('memory of a decode worker is freed with the prefill workers, which are named', () => {
  expect(stillHeldText([prefill, decode], decode, ['5.4 GiB of GPU 1'], 5_000)).toBe(
    'decode has ended, but 5.4 GiB of GPU 1 was not freed within 5 s: ' +
      'dynamo restart prefill   # it keeps the KV cache of decode in use',
  );
  const prefills = [{ ...prefill, name: 'prefill-1' }, { ...prefill, name: 'prefill-2' }, decode];
  expect(stillHeldText(prefills, decode, ['1 GiB of GPU 1'], 5_000)).toContain(
    'dynamo restart prefill-1 prefill-2 ',
  );
});

test('for other processes, no such process is known', () => {
  for (const [processes, gone] of [
    [[prefill, decode], prefill],
    [[worker], worker],
  ] as const) {
    expect(stillHeldText(processes, gone, ['8.0 GiB of GPU 0'], 5_000)).toMatch(
      /8\.0 GiB of GPU 0 was not freed within 5 s: dynamo clean --dry-run/,
    );
  }
});
