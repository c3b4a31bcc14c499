/**
 * The kernel log of this host: a line written to it is found, and users without permission get the reason. Needs
 * root, setpriv.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readKernelLog } from '../../../src/doctor/kernel-log.ts';
import { packageFolder, startCommand } from '../../e2e/harness/cli.ts';
import { fakeGpus } from '../../e2e/harness/gpus.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { mayRun } from '../../support/may-run.ts';

/** Most containers have no such device, and some kernels accept no lines from programs. */
const takesLines = canOpen('/dev/kmsg') && valueOf('printk_devkmsg') !== 'off';

function canOpen(file: string): boolean {
  try {
    closeSync(openSync(file, 'r+'));
    return true;
  } catch {
    return false;
  }
}

function valueOf(setting: string): string | undefined {
  const file = `/proc/sys/kernel/${setting}`;
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

async function gpuHang(world: World, user: readonly string[]): Promise<{ status: string; evidence: string }> {
  const doctor = [join(packageFolder, 'bin/dynamo.js'), 'doctor', '--only', 'gpu-hang', '--json'];
  const { stdout } = await startCommand(world, [...user, process.execPath, ...doctor]).ended;
  const { checks } = JSON.parse(stdout) as { checks: [{ status: string; evidence: string }] };
  return checks[0];
}

test.runIf(mayRun(takesLines))('a line that was just written is found', () => {
  const text = `dynamo test ${randomUUID()}`;
  // Without a newline it may be part of a longer line, which readers have to wait for.
  writeFileSync('/dev/kmsg', `<6>${text}\n`);
  expect(readKernelLog().find((line) => line.endsWith(text))).toMatch(/^\[ *\d+\.\d{6}\] dynamo test \S+$/);
});

test.runIf(mayRun(takesLines))('the doctor has read the log', async ({ world }) => {
  fakeGpus(world, 1);
  const { status, evidence } = await gpuHang(world, []);
  expect([status, evidence]).not.toEqual(['skip', expect.anything()]);
  expect(evidence).toMatch(/Xid/);
});

test('without permission, it reports that Xid errors were not checked, and why', async ({ world }) => {
  fakeGpus(world, 1);
  execFileSync('chown', ['-R', '65534:65534', world.root]);
  const nobody = ['/usr/bin/setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const { status, evidence } = await gpuHang(world, nobody);
  const isOpen = existsSync('/dev/kmsg') && valueOf('dmesg_restrict') === '0';
  if (isOpen) expect(evidence).toMatch(/Xid/);
  else {
    expect({ status, evidence }).toEqual({
      status: 'skip',
      evidence: expect.stringMatching(
        /^nvidia-smi answers; not checked for Xid errors: \/dev\/kmsg: E\w+, and neither dmesg nor journalctl/,
      ),
    });
  }
});
