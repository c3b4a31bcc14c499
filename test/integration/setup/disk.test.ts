/** Disk space is checked before anything is downloaded or created. */
import { expect, test } from 'vitest';
import { checkDisk } from '../../../src/cli/setup/environment.ts';
import { createSetupHost, type SetupHost } from '../../../src/cli/setup/host.ts';
import { silentSteps } from '../../../src/view/steps.ts';

function hostWith(freeBytes: number): SetupHost {
  const { signal } = new AbortController();
  const host = createSetupHost(
    silentSteps,
    { environment: process.env, stop: signal, kill: signal },
    () => {},
  );
  return { ...host, statFs: async () => ({ bavail: freeBytes / 4_096, bsize: 4_096 }) };
}

test('enough space is reported in numbers', async () => {
  expect(await checkDisk(hostWith(40_960_000_000), 12e9)).toBe('41.0 GB free, 12.0 GB needed');
});

test('too little space exits with 73, both numbers and a fix', async () => {
  await expect(checkDisk(hostWith(4_096_000_000), 12e9)).rejects.toMatchObject({
    exitCode: 73,
    message: expect.stringMatching(/^Not enough disk space for \/.*: 4\.1 GB free, 12\.0 GB needed\.$/),
    hint: expect.stringMatching(/^export XDG_DATA_HOME=/),
  });
});
