/** nvidia-smi that is missing, works, fails or hangs; a stand-in on a PATH of its own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inventory } from '../../../src/gpu/inventory.ts';
import { isRunning } from '../../support/oracle.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

function standIn(script: string): string {
  const folder = tempFolder();
  writeFileSync(join(folder, 'nvidia-smi'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
}

test('a host without nvidia-smi has no GPU and no problem', async () => {
  expect(await inventory(tempFolder())).toEqual({ gpus: [] });
  expect(await inventory(undefined)).toEqual({ gpus: [] });
});

test('what stands on PATH but cannot be executed is passed over', async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, 'nvidia-smi'), 'text', { mode: 0o644 });
  const works = standIn('echo "0, GPU-1, NVIDIA H200, 1, 1"');
  expect((await inventory(`${folder}:${works}`)).gpus).toHaveLength(1);
});

test('GPUs are asked for by exactly the fields that are read', async () => {
  const works = standIn(
    '[ "$*" = "--query-gpu=index,uuid,name,memory.total,memory.used --format=csv,noheader,nounits" ] && echo "0, GPU-1, NVIDIA H200, 143771, 5"',
  );
  expect(await inventory(works)).toEqual({
    gpus: [{ index: 0, uuid: 'GPU-1', name: 'NVIDIA H200', totalMiB: 143_771, usedMiB: 5 }],
  });
});

test('when it fails, its first line is the problem', async () => {
  const fails = standIn(
    'echo "NVIDIA-SMI has failed because it couldn\'t communicate with the NVIDIA driver."; echo more; exit 9',
  );
  expect(await inventory(fails)).toEqual({
    gpus: [],
    problem:
      "nvidia-smi is here but failed: NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
  });
});

test('when it hangs and heeds no signal, it is given up in time and ended', async () => {
  const folder = tempFolder();
  const hangs = standIn(
    `trap '' TERM; echo $$ >${folder}/pid.new; mv ${folder}/pid.new ${folder}/pid; while :; do /bin/sleep 0.05; done`,
  );
  const begin = Date.now();
  expect(await inventory(hangs, 200)).toEqual({
    gpus: [],
    problem: 'nvidia-smi is here but did not answer within 0.2 s',
  });
  expect(Date.now() - begin).toBeLessThan(3_000);
  await until('nvidia-smi to be gone', () => !isRunning(join(folder, 'pid')));
});

test('a folder with the name of nvidia-smi is a problem, not a crash', async () => {
  const folder = tempFolder();
  mkdirSync(join(folder, 'nvidia-smi'));
  expect(await inventory(folder)).toMatchObject({ gpus: [] });
});
