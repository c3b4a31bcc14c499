/** Failures before a deployment serves: reported with name, evidence and log, and everything is stopped. */
import { existsSync } from 'node:fs';
import { expect } from 'vitest';
import { dynamo, type Ended } from './harness/cli.ts';
import { faulty } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { test, type World } from './harness/world.ts';

async function tryUp(world: World, profile: string, ...more: string[]): Promise<Ended> {
  const port = String(await freePort());
  return await dynamo(world, ['up', profile, '--engine', 'sim', '--http-port', port, ...more]);
}

for (const detached of [[], ['--detach']]) {
  const how = detached.length === 0 ? 'in the foreground' : 'detached';

  test(`a crash during start-up, ${how}: exits with 1, the name, exit code, last lines and log`, async ({
    world,
  }) => {
    const profile = faulty(world, 'disagg', { decode: ['--startup-time', '20', '--crash-after', '0.2'] });
    const { code, stdout, stderr, tookMs } = await tryUp(world, profile, ...detached);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^error: decode exited with code 1/m);
    expect(stderr).toContain('RuntimeError: simulated crash because of --crash-after');
    const log = /^log: (.*)$/m.exec(stderr)?.[1] ?? '';
    expect(log).toMatch(/decode\.log$/);
    expect(existsSync(log)).toBe(true);
    expect(tookMs).toBeLessThan(18_000);
  });

  test(`a broken KV transfer, ${how}: exits with 69, because an answer without tokens proves nothing`, async ({
    world,
  }) => {
    const profile = faulty(world, 'disagg', { prefill: ['--broken-transfer'] });
    const { code, stdout, stderr } = await tryUp(world, profile, ...detached);
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toMatch(/^error: .*(completion_tokens|no tokens|empty|0 tokens)/m);
    expect(stderr).not.toMatch(/is ready after/);
  });

  test(`not ready within --timeout, ${how}: exits with 69 and the last state seen`, async ({ world }) => {
    const profile = faulty(world, 'agg', { worker: ['--startup-time', '30'] });
    const { code, stdout, stderr, tookMs } = await tryUp(world, profile, '--timeout', '1', ...detached);
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toMatch(/not ready within 1 s.*last seen: .*HTTP 503/);
    expect(stderr).toContain('--timeout');
    // Sooner than the 30 s that the worker would take.
    expect(tookMs).toBeLessThan(25_000);
  });
}

test('the time limit of a worker that waits for another counts from then, and the error shows both', async ({
  world,
}) => {
  const profile = faulty(world, 'disagg_same_gpu', {
    prefill: ['--startup-time', '1.5'],
    decode: ['--startup-time', '600'],
  });
  const { code, stdout, stderr } = await tryUp(
    world,
    profile,
    '--set',
    'components.decode.startupTimeoutSeconds=1',
  );
  expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
  expect(stderr).toMatch(
    /^error: decode was not ready within 1 s of its start, before which it waited \d+ s for prefill to be ready; last seen: /m,
  );
  expect(stderr).toMatch(/Z {2}decode waited \d+ s for prefill to be ready$/m);
});

test('a frontend that exits during start-up is named too', async ({ world }) => {
  const profile = faulty(world, 'agg', {
    frontend: ['--exit-after', '0.05', '--exit-code', '7'],
    worker: ['--startup-time', '20'],
  });
  const { code, stderr } = await tryUp(world, profile);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: frontend exited with code 7/m);
});

test('a worker that exits with 0 during start-up is a failure', async ({ world }) => {
  const profile = faulty(world, 'agg', { worker: ['--exit-after', '0.1', '--startup-time', '20'] });
  const { code, stderr } = await tryUp(world, profile);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: worker exited with code 0/m);
});

test('an argument that the engine rejects is shown with its message', async ({ world }) => {
  const { code, stderr } = await tryUp(world, 'agg', '--', '--page-size', 'many');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: worker does not accept this value of --page-size/m);
  expect(stderr).toMatch(/^worker exited with code 2/m);
  expect(stderr).toContain('argument --page-size: expected a whole number, got "many"');
});

test('children of a crashed worker are ended, inside and outside its group', async ({ world }) => {
  const faults = [
    '--spawn-children',
    '2',
    '--escape-children',
    '2',
    '--startup-time',
    '20',
    '--crash-after',
    '0.3',
  ];
  const { code, stderr } = await tryUp(world, faulty(world, 'agg', { worker: faults }));
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: worker exited with code 1/m);
});
