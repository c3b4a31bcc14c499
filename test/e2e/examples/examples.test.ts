/** The examples of every help, run as they stand; those that cannot be run here are named with the reason. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { examplesIn } from '../support/examples.ts';
import { executable, packageFolder, startCommand, succeed } from './harness/cli.ts';
import { standIn, test, type World } from './harness/world.ts';

/** Parsed by the real parser in test/unit/cli/examples.test.ts, and not run here. */
const onlyParsed: readonly [pattern: RegExp, reason: string][] = [
  [/^dynamo (attach|logs -f|events|ps --watch)/, 'goes on until somebody leaves: other tests do'],
  [/http:\/\/gpu7:8000/, 'needs a deployment on another host'],
  [/^dynamo setup( --| remove|$)/, 'installs or removes; test/real/setup does it'],
  [/\| jq/, 'needs jq'],
  [/& dynamo wait/, 'which of the two comes first depends on the moment'],
  [
    /pytest|vitest|curl/,
    'needs that program; test/e2e/exec-examples.test.ts and docs/ci.md have those that run',
  ],
  [/--pid 4321@98765|--repeat 20|smoke --all|--fix/, 'names a process, or takes long'],
  [
    /^dynamo (start|stop|restart|down|up|infra|wait|chat|open|smoke|exec)\b.*\b(decode|mine)\b/,
    'needs a run of that name',
  ],
  [/\binfra (up|status)|--discovery etcd/, 'needs etcd and NATS; test/real/infra has them'],
  [/^dynamo doctor/, 'its verdict is that of the host'],
];

/** Examples of a verb that are run. */
async function runnable(world: World, verb: string): Promise<string[]> {
  const { stdout } = await succeed(world, verb === '' ? ['--help'] : [verb, '--help']);
  const examples = examplesIn(stdout);
  expect(examples.length, verb).toBeGreaterThan(0);
  return examples.filter((line) => !onlyParsed.some(([pattern]) => pattern.test(line)));
}

async function shell(world: World, line: string): Promise<void> {
  const { code, stdout, stderr } = await startCommand(world, ['bash', '-c', line]).ended;
  expect({ line, code, said: code === 0 ? '' : stdout + stderr }).toEqual({ line, code: 0, said: '' });
}

function prepare(world: World): void {
  standIn(world, 'dynamo', `#!/bin/sh\nexec node ${executable} "$@"\n`);
  copyFileSync(join(packageFolder, 'launch-profiles', 'agg.yaml'), join(world.work, 'mine.yaml'));
}

test('those that only look', async ({ world }) => {
  prepare(world);
  await succeed(world, ['up', 'disagg', '--detach', '--engine', 'sim']);
  const ran: string[] = [];
  for (const verb of ['ps', 'logs', 'plan', 'profiles', 'completion', 'clean', 'chat', 'open', 'setup']) {
    for (const line of await runnable(world, verb)) {
      // The completions of fish go to its own folder.
      await shell(world, line.replace('~/.config/fish/completions/', ''));
      ran.push(line);
    }
  }
  expect(ran).toEqual(
    expect.arrayContaining(['dynamo ps --all', 'dynamo plan disagg --json', 'dynamo clean']),
  );
  await succeed(world, ['down', '--quiet']);
}, 240_000);

test('those that bring something up or down', async ({ world }) => {
  prepare(world);
  const ran: string[] = [];
  for (const verb of ['up', 'down', 'wait', 'smoke']) {
    for (const line of await runnable(world, verb)) {
      if (verb === 'down') await succeed(world, ['up', 'disagg', '--detach', '--quiet', '--engine', 'sim']);
      // In the foreground they would go on.
      await shell(
        world,
        verb === 'up' && !line.includes('--detach') ? line.replace(' up ', ' up --detach ') : line,
      );
      await succeed(world, ['down', '--all', '--quiet']);
      ran.push(line);
    }
  }
  expect(ran).toEqual(expect.arrayContaining(['dynamo up disagg', 'dynamo down --all', 'dynamo smoke agg']));
}, 240_000);
