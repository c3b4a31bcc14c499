/** The kernel's OOM killer: a run in a control group with little memory. Needs root and control groups. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { executable, startCommand } from '../../e2e/harness/cli.ts';
import { faulty } from '../../e2e/harness/deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { until } from '../../support/until.ts';
import { test, type World } from '../../e2e/harness/world.ts';

const limitBytes = 600 * 1024 ** 2;

/** Throws if this user cannot create one, so that these tests cannot pass by doing nothing. */
function smallGroup(world: World): string {
  const v1 = '/sys/fs/cgroup/memory';
  const parent = existsSync(v1) ? v1 : '/sys/fs/cgroup';
  const group = join(parent, `dynamo-test-${world.mark}`);
  mkdirSync(group);
  const limit = parent === v1 ? 'memory.limit_in_bytes' : 'memory.max';
  writeFileSync(join(group, limit), String(limitBytes));
  return group;
}

async function removeGroup(group: string): Promise<void> {
  const isEmpty = (): boolean => readFileSync(join(group, 'cgroup.procs'), 'utf8') === '';
  await until('the control group to be empty', isEmpty);
  rmdirSync(group);
}

async function upIn(world: World, group: string, faults: readonly string[]): Promise<string> {
  const profile = faulty(world, 'agg', { worker: faults });
  const port = String(await freePort());
  const enter = `echo $$ > ${join(group, 'cgroup.procs')} && exec "$@"`;
  const up = [process.execPath, executable, 'up', profile, '--engine', 'sim', '--http-port', port];
  const { code, stderr } = await startCommand(world, ['sh', '-c', enter, 'sh', ...up]).ended;
  expect(code).toBe(1);
  return stderr;
}

test('a worker killed by the OOM killer is reported as such', async ({ world }) => {
  const group = smallGroup(world);
  try {
    const stderr = await upIn(world, group, ['--startup-time', '60', '--eat-memory', '2000']);
    expect(stderr).toMatch(
      /^error: The kernel killed worker, because memory ran out on the host or in the container/m,
    );
    expect(stderr).toMatch(/^worker was ended by SIGKILL/m);
    expect(stderr).toMatch(/oom_kill rose by \d+ during the run/);
  } finally {
    await removeGroup(group);
  }
});

test('a worker killed by SIGKILL otherwise is not', async ({ world }) => {
  const group = smallGroup(world);
  try {
    const stderr = await upIn(world, group, ['--startup-time', '60', '--kill-after', '0.5']);
    expect(stderr).toMatch(
      /^error: another process killed worker with SIGKILL: neither the kernel's OOM killer/im,
    );
  } finally {
    await removeGroup(group);
  }
});
