/** Help, version and shell completion. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { executable, packageFolder, startCommand, succeed } from './harness/cli.ts';
import { up } from './harness/deployment.ts';
import { standIn, test } from './harness/world.ts';

const verbs = [
  'up',
  'down',
  'ps',
  'top',
  'stats',
  'logs',
  'start',
  'stop',
  'restart',
  'scale',
  'attach',
  'wait',
  'events',
  'chat',
  'open',
  'ui',
  'targets',
  'infra',
  'plan',
  'advise',
  'smoke',
  'doctor',
  'exec',
  'profiles',
  'clean',
  'setup',
  'completion',
];

test('--help lists every command with examples; each command has its own help', async ({ world }) => {
  const [long, short] = [await succeed(world, ['--help']), await succeed(world, ['-h'])];
  expect(short.stdout).toBe(long.stdout);
  for (const verb of verbs) {
    expect(long.stdout).toMatch(new RegExp(`^ +${verb}\\b`, 'm'));
    const help = await succeed(world, [verb, '--help']);
    expect(help.stdout, verb).toMatch(new RegExp(`^Usage: dynamo ${verb}`));
    expect(help.stdout, verb).toContain('--help');
    expect(help.stderr, verb).toBe('');
    // How our code represents a missing value.
    expect(help.stdout, verb).not.toMatch(/default: [{[]/);
  }
  expect(long.stdout).toContain('Examples:');
  expect(long.stdout).not.toMatch(/^ +(supervise|reap|complete)\b/m);
  expect((await succeed(world, ['up', '--help'])).stdout).toContain('Examples:');
});

test('--version prints the version of the package', async ({ world }) => {
  const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as {
    version: string;
  };
  expect((await succeed(world, ['--version'])).stdout).toBe(`${version}\n`);
  expect((await succeed(world, ['-V'])).stdout).toBe(`${version}\n`);
});

test('in bash, completion offers commands, profiles and flags', async ({ world }) => {
  standIn(world, 'dynamo', `#!/bin/sh\nexec node ${executable} "$@"\n`);
  const complete = async (...words: string[]): Promise<string[]> => {
    const list = words.map((word) => `'${word}'`).join(' ');
    const script = `source <(dynamo completion bash); complete -p dynamo >&2
COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _dynamo; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr, code } = await startCommand(world, ['bash', '-c', script]).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'complete -o default -F _dynamo dynamo\n' });
    return stdout.split('\n').filter(Boolean);
  };
  expect(await complete('dynamo', '')).toEqual(expect.arrayContaining(verbs));
  expect(await complete('dynamo', 'pl')).toEqual(['plan']);
  expect(await complete('dynamo', 'infra', '')).toEqual(['up', 'down', 'status']);
  expect(await complete('dynamo', 'up', 'disagg_')).toEqual(['disagg_router', 'disagg_same_gpu']);
  expect(await complete('dynamo', 'up', 'agg', '--det')).toEqual(['--detach']);
  expect(await complete('dynamo', 'up', 'agg', '--engine', 's')).toEqual(['sglang', 'sim']);
});

/** Shell code that completes `dynamo …` with our script and prints one candidate per line. */
const asking: Readonly<Record<string, (words: readonly string[]) => string>> = {
  // What zsh's own functions would receive, without their display.
  zsh: (words) => `compdef() {}; _describe() { print -rl -- "\${(@P)2}"; }
source <(dynamo completion zsh); words=(${words.map((word) => `'${word}'`).join(' ')}); CURRENT=${words.length}; _dynamo`,
  fish: (words) => `dynamo completion fish | source; complete -C '${words.join(' ')}'`,
};

for (const [shell, script] of Object.entries(asking)) {
  test(`in ${shell}, completion offers commands, profiles, runs, processes and flags`, async ({
    world,
    skip,
  }) => {
    const program = ['/usr/bin', '/bin', '/usr/local/bin']
      .map((folder) => join(folder, shell))
      .find(existsSync);
    if (program === undefined && process.env['CI'] === undefined) return skip(`no ${shell} here`);
    if (program === undefined) throw new Error(`CI must have ${shell}: .ci/run installs it`);
    standIn(world, 'dynamo', `#!/bin/sh\nexec node ${executable} "$@"\n`);
    await up(world, 'disagg', ['--name', 'mine']);
    const complete = async (...words: string[]): Promise<string[]> => {
      const { stdout, stderr, code } = await startCommand(world, [
        program,
        '-c',
        script(['dynamo', ...words]),
      ]).ended;
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      // Each with what it is behind a colon or a tab.
      return stdout.split('\n').map((line) => line.split(/(?<!\\):|\t/)[0] ?? '');
    };
    expect(await complete('')).toEqual(expect.arrayContaining(verbs));
    expect(await complete('up', 'disagg_')).toEqual(
      expect.arrayContaining(['disagg_router', 'disagg_same_gpu']),
    );
    expect(await complete('chat', '')).toContain('mine');
    expect(await complete('logs', '')).toEqual(expect.arrayContaining(['frontend', 'prefill', 'decode']));
    expect(await complete('smoke', 'agg', '--engine', '')).toEqual(expect.arrayContaining(['sglang', 'sim']));
    expect(await complete('doctor', '--only', '')).toContain('ports');
    expect(await complete('clean', '--')).toEqual(expect.arrayContaining(['--dry-run', '--pid', '--help']));
    await succeed(world, ['down', '--quiet']);
  });
}
