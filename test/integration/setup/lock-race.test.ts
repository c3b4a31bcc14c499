/** The lock of `dynamo setup` under contention: never released between installers, and one winner after death. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { start } from '../../e2e/harness/cli.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { isLiving } from '../../oracle/proc.ts';
import { bundledScript } from '../../support/bundled-script.ts';
import { fakeInstaller } from '../../support/fake-uv.ts';
import { until } from '../../support/until.ts';

interface Contender {
  readonly said: () => string;
  readonly end: () => Promise<void>;
}

async function contender(world: World, script: string, lock: string): Promise<Contender> {
  const child = spawn(process.execPath, [script, 'contend', lock], {
    env: world.env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (said += part));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  onTestFinished(() => void child.kill('SIGKILL'));
  await until('the contender to be ready', () => said.includes('ready'));
  return {
    said: () => said,
    end: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

test('nothing gets the lock while a set-up or its installer lives; then exactly one does', async ({
  world,
}) => {
  const fake = fakeInstaller(world.bin, world.config, ['uv']);
  // The last of its installers does not exit by itself.
  fake.set('hang');
  const lock = join(world.env['HOME'] ?? '', '.local/share/dynamo/setup.lock');
  const script = bundledScript('claimer');
  const contenders = await Promise.all(
    Array.from({ length: 5 }, async () => await contender(world, script, lock)),
  );
  // They wait for the lock file.
  const session = start(world, ['setup', '--engine', 'mocker', '--version', '1.1.1']);
  const winners = (): number => contenders.filter(({ said }) => said().includes('won')).length;
  const [uv = 0, child = 0] = await until('the last installer', () => fake.hanging());
  await until('the lock to name it', () => readFileSync(lock, 'utf8').includes(String(uv)));
  expect(winners()).toBe(0);
  session.child.kill('SIGKILL');
  await session.ended;
  expect(winners()).toBe(0);
  for (const pid of [uv, child]) process.kill(pid, 'SIGKILL');
  await until('the installer to be gone', () => !isLiving(uv));
  await until('one to have it', () => winners() > 0);
  // The holder lives until the others have tried for the last time.
  const [winner, losers] = [
    contenders.find(({ said }) => said().includes('won')),
    contenders.filter(({ said }) => !said().includes('won')),
  ];
  await Promise.all(losers.map(async ({ end }) => await end()));
  expect(winners()).toBe(1);
  await winner?.end();
});
