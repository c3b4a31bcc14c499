/** nvidia-smi that is missing, works, fails or hangs: a stand-in on a separate PATH. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inventory } from '../../../src/gpu/inventory.ts';
import { isLiving } from '../../oracle/proc.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

function standIn(script: string): string {
  const folder = tempFolder();
  writeFileSync(join(folder, 'nvidia-smi'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
}

test('a host without nvidia-smi has no GPU and no problem', async () => {
  expect(await inventory({ PATH: tempFolder() })).toEqual({ gpus: [], notes: [] });
  expect(await inventory({ PATH: undefined })).toEqual({ gpus: [], notes: [] });
});

test('files on PATH that are not executable are skipped', async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, 'nvidia-smi'), 'text', { mode: 0o644 });
  const works = standIn('echo "0, GPU-1, NVIDIA H200, 1, 1"');
  expect((await inventory({ PATH: `${folder}:${works}` })).gpus).toHaveLength(1);
});

const all =
  'index,uuid,name,memory.total,memory.used,memory.free,mig.mode.current,compute_mode,driver_version,' +
  'ecc.errors.uncorrected.volatile.total,gpu_recovery_action,pci.bus_id';

test('queries exactly the fields that are read', async () => {
  const works = standIn(
    `[ "$*" = "--query-gpu=${all} --format=csv,noheader,nounits" ] && ` +
      'echo "0, GPU-1, NVIDIA H200, 143771, 5, 143151, Disabled, Default, 580.159.04, 2, Reset, 00000000:3B:00.0"',
  );
  expect(await inventory({ PATH: works })).toEqual({
    gpus: [
      {
        index: 0,
        uuid: 'GPU-1',
        name: 'NVIDIA H200',
        totalMiB: 143_771,
        usedMiB: 5,
        freeMiB: 143_151,
        computeMode: 'Default',
        driver: '580.159.04',
        eccErrors: 2,
        recovery: 'Reset',
        busId: '00000000:3B:00.0',
      },
    ],
    notes: [],
  });
});

test('a field unknown to an older driver is dropped, and the rest queried again', async () => {
  const older = standIn(
    `case "$1" in
      *gpu_recovery_action*) printf 'Field "gpu_recovery_action" is not a valid field to query.\n\n'; exit 2;;
      *mig.mode*) printf 'Field "mig.mode.current" is not a valid field to query.\n\n'; exit 2;;
    esac
    echo "0, GPU-1, Tesla V100, 16160, 5, 16155, Default, 450.80.02, 0"`,
  );
  expect(await inventory({ PATH: older })).toMatchObject({
    gpus: [{ name: 'Tesla V100', freeMiB: 16_155, driver: '450.80.02', eccErrors: 0 }],
  });
});

test('a driver that rejects required fields is a failure, not an endless loop', async () => {
  const broken = standIn(`echo 'Field "uuid" is not a valid field to query.'; exit 2`);
  expect(await inventory({ PATH: broken })).toMatchObject({
    gpus: [],
    problem: 'nvidia-smi is here but failed: Field "uuid" is not a valid field to query.',
  });
});

test('a GPU that fell off the bus is reported next to working ones', async () => {
  const line = 'Unable to determine the device handle for GPU0000:07:00.0: Unknown Error';
  for (const status of [0, 15]) {
    const lost = standIn(`echo "0, GPU-1, NVIDIA H200, 143771, 5"; echo "${line}"; exit ${status}`);
    const seen = await inventory({ PATH: lost });
    expect(seen.gpus).toHaveLength(1);
    expect(seen.problem).toBe(`nvidia-smi is here but cannot reach a GPU: ${line}`);
  }
});

test('a MIG GPU is replaced by its instances with their UUIDs', async () => {
  const divided = standIn(`[ "$1" = -L ] && {
    echo "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-1)"
    echo "  MIG 3g.20gb     Device  0: (UUID: MIG-aa)"
    echo "  MIG 1g.5gb      Device  1: (UUID: MIG-bb)"
    echo "GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-2)"
    exit 0
  }
  echo "0, GPU-1, NVIDIA A100-SXM4-40GB, 40960, [Insufficient Permissions], [N/A], Enabled"
  echo "1, GPU-2, NVIDIA A100-SXM4-40GB, 40960, 3, 40000, Disabled"`);
  const seen = await inventory({ PATH: divided });
  expect(seen.gpus.map(({ index, uuid, totalMiB, migOf }) => [index, uuid, totalMiB, migOf])).toEqual([
    [0, 'MIG-aa', 20_480, 'GPU-1'],
    [0, 'MIG-bb', 5_120, 'GPU-1'],
    [1, 'GPU-2', 40_960, undefined],
  ]);
  expect(seen.notes).toEqual([]);
});

test('a MIG GPU without instances is reported', async () => {
  const empty = standIn(`[ "$1" = -L ] && { echo "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-1)"; exit 0; }
  echo "0, GPU-1, NVIDIA A100-SXM4-40GB, 40960, 0, 40000, Enabled"`);
  expect(await inventory({ PATH: empty })).toEqual({
    gpus: [],
    notes: ['GPU 0 is in MIG mode, but nvidia-smi lists no instance of it'],
  });
});

test('hidden memory is reported, and the GPU is listed', async () => {
  const shy = standIn('echo "0, GPU-1, NVIDIA H200, [Insufficient Permissions], [N/A], [N/A]"');
  expect(await inventory({ PATH: shy })).toEqual({
    gpus: [{ index: 0, uuid: 'GPU-1', name: 'NVIDIA H200', totalMiB: 0, usedMiB: 0 }],
    notes: ['nvidia-smi does not report the memory of GPU 0: Insufficient Permissions'],
  });
});

test('when it fails, its first line is the problem', async () => {
  const fails = standIn(
    'echo "NVIDIA-SMI has failed because it couldn\'t communicate with the NVIDIA driver."; echo more; exit 9',
  );
  expect(await inventory({ PATH: fails })).toEqual({
    gpus: [],
    notes: [],
    problem:
      "nvidia-smi is here but failed: NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
    failure: "failed: NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
  });
});

test('when it hangs and ignores signals, it is abandoned in time and killed', async () => {
  const folder = tempFolder();
  const hangs = standIn(
    `trap '' TERM; echo $$ >${folder}/pid.new; mv ${folder}/pid.new ${folder}/pid; while :; do /bin/sleep 0.05; done`,
  );
  expect(await inventory({ PATH: `${hangs}:${process.env.PATH}` }, 200)).toEqual({
    gpus: [],
    notes: [],
    problem: 'nvidia-smi is here but did not answer within 0.2 s',
    failure: 'did not answer within 0.2 s',
    hangs: true,
  });
  await until('nvidia-smi to be gone', () => !isLiving(Number(readFileSync(join(folder, 'pid'), 'utf8'))));
});

test('a folder with the name of nvidia-smi is a problem, not a crash', async () => {
  const folder = tempFolder();
  mkdirSync(join(folder, 'nvidia-smi'));
  expect(await inventory({ PATH: folder })).toMatchObject({ gpus: [] });
});

test('an unparsable row is reported, and unknown values of a GPU are a note', async () => {
  const rest = '[N/A], [N/A], [N/A], [N/A], Default, 540.4.0, [N/A], [N/A], [N/A]';
  const orin = `0, 54bf1cca-ecba-5aa2-a00a-1c0a3f1b1f8f, Orin (nvgpu), ${rest}`;
  expect(await inventory({ PATH: standIn(`echo "${orin}"`) })).toEqual({
    gpus: [expect.objectContaining({ name: 'Orin (nvgpu)', totalMiB: 0 })],
    notes: ['nvidia-smi does not report the memory of GPU 0: N/A'],
  });
  const strange = `[Unknown Error], GPU-1, NVIDIA H200, ${rest}`;
  expect(await inventory({ PATH: standIn(`echo "${orin}"; echo "${strange}"`) })).toMatchObject({
    gpus: [{ index: 0 }],
    problem: `nvidia-smi is here but prints a row without an index: ${strange}`,
  });
  expect((await inventory({ PATH: standIn(`echo "0, [N/A], Thor, ERR!, ERR!"`) })).notes).toEqual([
    'nvidia-smi reports no UUID for GPU 0',
    'nvidia-smi does not report the memory of GPU 0: ERR!',
  ]);
});
