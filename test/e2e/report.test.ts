/** `dynamo report` and `dynamo up --from`: a run in one file, without secrets, that starts again elsewhere. */
import { execFileSync } from 'node:child_process';
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { dynamo, startCommand, succeed } from './harness/cli.ts';
import { installPacked } from './harness/installed.ts';
import type { Up } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { test, type World } from './harness/world.ts';

const token = 'hf_abcdefghijklmnopqrstuvwxyz';

function withTools(world: World): void {
  for (const tool of ['tar', 'gzip', 'uname']) symlinkSync(join('/usr/bin', tool), join(world.bin, tool));
}

function unpacked(file: string): string {
  return execFileSync('tar', ['-xzOf', file], { encoding: 'utf8' });
}

test('a report holds no secret, and starts the same deployment again', async ({ world }) => {
  withTools(world);
  const env = { DYN_HTTP_PORT: String(await freePort()), MY_API_KEY: 'inherited-secret' };
  const words = [
    'up',
    'disagg',
    '-d',
    '--name',
    'mine',
    '--replicas',
    'decode=2',
    '--env',
    `HF_TOKEN=${token}`,
  ];
  await succeed(world, [...words, '--engine', 'sim', '--', '--context-length', '4096'], { env });
  const unasked = await dynamo(world, ['report']);
  expect(unasked).toMatchObject({ code: 64, stderr: expect.stringMatching(/^fix: dynamo report --yes/m) });
  const listed = await succeed(world, ['report', 'mine', '--list']);
  expect([listed.stdout, listed.stderr]).toEqual(['', expect.stringMatching(/^request\.json +.* 1$/m)]);
  const { stdout } = await succeed(world, ['report', '--yes'], { env: { ...env, HF_TOKEN: token } });
  const file = stdout.trim();
  const names = execFileSync('tar', ['-tzf', file], { encoding: 'utf8' });
  for (const name of [
    'about.txt',
    'request.json',
    'plan.json',
    'events.jsonl',
    'doctor.txt',
    'logs/decode-2.log',
  ])
    expect(names).toContain(`/${name}\n`);
  const text = unpacked(file);
  expect(text).not.toContain(token);
  expect(text).not.toContain('inherited-secret');
  expect(text).not.toContain(world.env['HOME']);
  expect(text).toContain('Registered endpoint');
  await succeed(world, ['down', '--quiet']);

  // On another host: no state of the first one, and no profile file.
  const other = {
    ...env,
    XDG_STATE_HOME: join(world.state, 'other'),
    DYN_HTTP_PORT: String(await freePort()),
  };
  const without = await dynamo(world, ['up', '--from', file, '-d'], { env: other });
  expect(without).toMatchObject({
    code: 64,
    stderr: expect.stringMatching(/HF_TOKEN\.\nfix: export HF_TOKEN=/),
  });
  const again = ['up', '--from', file, '-d', '--json', '--http-port', other.DYN_HTTP_PORT];
  const brought = await succeed(world, again, { env: { ...other, HF_TOKEN: 'theirs' } });
  const up = JSON.parse(brought.stdout) as Up;
  expect(up.runId).toMatch(/^mine-/);
  const { stdout: rows } = await succeed(world, ['ps'], { env: other });
  expect(rows).toMatch(/decode-2 +ready/);
  expect((await succeed(world, ['down'], { env: other })).stderr).toMatch(/nothing is left/);
});

test('a run that was changed while it was up starts again as it became', async ({ world }) => {
  withTools(world);
  const env = { DYN_HTTP_PORT: String(await freePort()) };
  const length = ['--set', 'components.worker.memory.contextLength=4096'];
  await succeed(world, ['up', 'agg', '-d', '--engine', 'sim', '-q'], { env });
  await succeed(world, ['scale', 'worker=2', '-q']);
  await succeed(world, ['up', 'agg', '-d', '--engine', 'sim', '-q', '--replace', ...length], { env });
  const file = (await succeed(world, ['report', '--yes'])).stdout.trim();
  await succeed(world, ['down', '--quiet']);
  await succeed(world, ['up', '--from', file, '-d', '-q'], { env });
  const same = await dynamo(
    world,
    ['up', 'agg', '-d', '--engine', 'sim', '--replicas', 'worker=2', ...length],
    {
      env,
    },
  );
  expect([same.code, same.stderr]).toEqual([75, expect.stringContaining('It runs what was asked for.')]);
  await succeed(world, ['down', '--quiet']);
});

test('says what differs where it is started again, and refuses what is no report', async ({ world }) => {
  withTools(world);
  const env = { DYN_HTTP_PORT: String(await freePort()) };
  await succeed(world, ['up', 'agg', '-d', '--engine', 'sim', '-q'], { env });
  const file = (await succeed(world, ['report', '--yes'])).stdout.trim();
  await succeed(world, ['down', '--quiet']);
  execFileSync('tar', ['-xzf', file, '-C', world.work]);
  const folder =
    file
      .split('/')
      .at(-1)
      ?.replace(/\.tar\.gz$/, '') ?? '';
  const request = join(world.work, folder, 'request.json');
  execFileSync('sed', [
    '-i',
    's/"dynamo": ".*"/"dynamo": "0.0.9"/; s/"gpus": \\[\\]/"gpus": [{"name":"NVIDIA H200","totalMiB":1}]/',
    request,
  ]);
  const changed = join(world.work, 'changed.tar.gz');
  execFileSync('tar', ['-czf', changed, '-C', world.work, folder]);
  const { stderr } = await succeed(world, ['up', '--from', changed, '-d'], { env });
  expect(stderr).toMatch(/^differs: dynamo-launcher: 0\.0\.9 there, .* here$/m);
  expect(stderr).toMatch(/^differs: GPUs: 1 × NVIDIA H200 there, none here$/m);
  await succeed(world, ['down', '--quiet']);
  const differs = /differs: dynamo-launcher: 0\.0\.9 there, .* here$/m;
  // The same for a command against it, its requests, and a program.
  const exec = await succeed(
    world,
    ['exec', '--from', changed, '--', 'sh', '-c', 'echo $DYNAMO_PROFILE $OPENAI_MODEL'],
    {
      env,
    },
  );
  expect([exec.stdout, exec.stderr]).toEqual(['agg Qwen/Qwen3-0.6B\n', expect.stringMatching(differs)]);
  const smoke = await succeed(world, ['smoke', '--from', changed, '--json'], { env });
  const { passed, suites } = JSON.parse(smoke.stdout) as {
    passed: boolean;
    suites: { name: string; engine: string }[];
  };
  expect([passed, suites.map(({ name, engine }) => [name, engine])]).toEqual([true, [['agg', 'sim']]]);
  expect(smoke.stderr).toMatch(differs);
  installPacked(world);
  writeFileSync(
    join(world.work, 'program.js'),
    `import { upFrom } from 'dynamo-launcher';
    await upFrom('none.tar.gz').catch((error) => console.log(error.code));
    const run = await upFrom(${JSON.stringify(changed)}, { name: 'theirs' });
    console.log(run.engine, run.runId.startsWith('theirs-'), run.differences.join());
    await run.stop();`,
  );
  const program = await startCommand(world, ['node', 'program.js'], { env }).ended;
  expect([program.code, program.stderr, program.stdout]).toEqual([
    0,
    '',
    expect.stringMatching(/^usage\nsim true differs: dynamo-launcher: 0\.0\.9 there/),
  ]);
  writeFileSync(join(world.work, 'none.tar.gz'), 'x');
  for (const verb of ['exec', 'smoke']) {
    const both = await dynamo(world, [
      verb,
      'agg',
      '--from',
      changed,
      ...(verb === 'exec' ? ['--', 'sh', '-c', ':'] : []),
    ]);
    expect([both.code, both.stderr]).toEqual([64, expect.stringContaining(`fix: dynamo ${verb} --from `)]);
  }
  for (const [words, said] of [
    [['--from', 'none.tar.gz'], /none\.tar\.gz is no report of dynamo/],
    [['--from', 'missing.tar.gz'], /missing\.tar\.gz is no report of dynamo: .*No such file/],
    [['agg', '--from', changed], /--from holds a profile already/],
  ] as const) {
    expect(await dynamo(world, ['up', ...words])).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(said),
    });
  }
  expect(readdirSync(world.temporary)).toEqual([]);
});
