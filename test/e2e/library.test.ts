/** The library as installed by `npm pack`: typed, and nothing is left however the program ends. */
import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { expect } from 'vitest';
import { leftovers } from '../oracle/leftovers.ts';
import { environmentOf, livingProcesses } from '../oracle/proc.ts';
import { docFile } from '../support/doc-blocks.ts';
import { type Ended, packageFolder, type Session, startCommand, succeed } from './harness/cli.ts';
import { faulty, pidOf, ps, up } from './harness/deployment.ts';
import { installPacked } from './harness/installed.ts';
import { freePort } from './harness/ports.ts';
import { until } from '../support/until.ts';
import { test, type World } from './harness/world.ts';

/** A program in a project that has the package; `port` is a preferred port. */
async function start(world: World, program: string): Promise<Session> {
  if (!existsSync(join(world.work, 'node_modules'))) installPacked(world);
  const head = `import { DynamoError, up } from 'dynamo-launcher';\nconst set = { httpPort: ${await freePort()} };\n`;
  writeFileSync(join(world.work, 'program.js'), head + program);
  return startCommand(world, ['node', 'program.js']);
}

async function run(world: World, program: string): Promise<Ended> {
  return await (
    await start(world, program)
  ).ended;
}

const upAgain = "const run = await up('agg', { engine: 'sim', set });\n";

test('up, a chat, logs, stop; nothing is printed', async ({ world }) => {
  const { code, stdout, stderr } = await run(
    world,
    `const run = await up('disagg', { engine: 'sim', set, replicas: { decode: 2 } });
    const body = { model: run.model, messages: [{ role: 'user', content: 'x' }], max_tokens: 4 };
    const headers = { 'content-type': 'application/json' };
    const chat = { method: 'POST', headers, body: JSON.stringify(body) };
    const answer = await fetch(run.env.OPENAI_BASE_URL + '/chat/completions', chat);
    const names = run.processes.map(({ name }) => name);
    const log = run.logs('decode-2');
    await run.stop();
    await run.stop();
    const ended = await run.ended;
    const after = await fetch(run.url).catch(() => 'nobody');
    let unknown;
    try { run.logs('nobody'); } catch (error) { unknown = [error instanceof DynamoError, error.code]; }
    const seen = { status: answer.status, engine: run.engine, names, ended, after, unknown };
    console.log(JSON.stringify({ ...seen, logged: log.includes('Registered endpoint') }));`,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({
    status: 200,
    engine: 'sim',
    names: ['frontend', 'prefill', 'decode-1', 'decode-2'],
    logged: true,
    after: 'nobody',
    unknown: [true, 'usage'],
  });
});

test('several runs in one process, each on its own ports', async ({ world }) => {
  const { code, stdout } = await run(
    world,
    `const runs = await Promise.all([1, 2, 3].map(() => up('agg', { engine: 'sim', set })));
    console.log(new Set(runs.map(({ url }) => url)).size, new Set(runs.map(({ runId }) => runId)).size);
    await Promise.all(runs.map((each) => each[Symbol.asyncDispose]()));`,
  );
  expect({ code, stdout }).toEqual({ code: 0, stdout: '3 3\n' });
});

test('process.exit without stop leaves nothing running', async ({ world }) => {
  const { code } = await run(world, `${upAgain}process.exit(3);`);
  expect(code).toBe(3);
  await until('the keeper to be done', () => leftovers(world).length === 0);
});

test('kill -9 of the program leaves nothing running', async ({ world }) => {
  const session = await start(world, `${upAgain}console.log('ready');`);
  await session.until(/ready/);
  process.kill(session.pid, 'SIGKILL');
  await session.ended;
  await until('the keeper to be done', () => leftovers(world).length === 0);
});

test('a failed start is an error with code, hint and the end of the log', async ({ world }) => {
  const broken = faulty(world, 'agg', { worker: ['--crash-after', '0'] });
  const { code, stdout } = await run(
    world,
    `const codes = [];
    for (const [name, options] of [['nosuch', {}], ['${broken}', { engine: 'sim', set }]]) {
      const error = await up(name, options).catch((thrown) => thrown);
      const { process: who, exitCode, rule } = error.fields;
      codes.push([error instanceof DynamoError, error.code, error.exitCode, error.details.join().includes('simulated crash'), who, exitCode, rule]);
    }
    console.log(JSON.stringify(codes));`,
  );
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual([
    [true, 'profile-not-found', 66, false, null, null, null],
    [true, 'process-failed', 1, true, 'worker', 1, null],
  ]);
});

test('rejects whatever the command line rejects', async ({ world }) => {
  const { code, stdout } = await run(
    world,
    `const seen = [];
    for (const options of [{ name: '-x' }, { name: '../x' }, { httpHost: '[::1' }, { env: { A: 'a\\0b' } }, { workerArgs: ['\\0'] }]) {
      const error = await up('agg', { engine: 'sim', set, ...options }).catch((thrown) => thrown);
      seen.push(error.code);
    }
    console.log(seen.join());`,
  );
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${Array(5).fill('usage').join()}\n` });
});

test('options that there are not, or that are of the wrong type, are refused before anything starts', async ({
  world,
}) => {
  const { code, stdout } = await run(
    world,
    `const secret = 'hf_abcdefghijklmnopqrstuvwxyz';
    const all = [
      { engine: 'mokcer' }, { args: ['--x'] }, { timeout: 5 }, { htttpPort: 1 }, { httpPort: '8000' }, { replicas: { decode: 0 } },
      { workerArgs: '--x' }, { env: { HF_TOKEN: 7 } }, { infra: secret }, { images: { etdc: 'x' } }, { httpPort: 1.5 }, { stranger: 1 },
    ];
    for (const options of all) {
      const error = await up('agg', options).catch((thrown) => thrown);
      console.log(JSON.stringify([error.code, error.message, error.fields.option, error.fields.nearest ?? null]));
    }
    for (const [name, options] of [[undefined, {}], ['agg', 'sim']]) {
      console.log(JSON.stringify((await up(name, options).catch((thrown) => thrown)).message));
    }`,
  );
  expect(code).toBe(0);
  const lines = stdout.trim().split('\n');
  const seen = lines.map((line) => JSON.parse(line) as unknown);
  const names =
    'engine, model, python, runtime, images, ptrace, observe, grafana, planner, requestPlane, persist, logLimitMiB, reuse, name, gpus, httpHost, httpPort, infra, discovery, events, set, replicas, environment, env, workerArgs, timeoutMs, stopTimeoutMs, signal';
  expect(seen).toEqual([
    [
      'usage',
      'engine: "mokcer" is not one of auto, sglang, mocker, sim.\nfix: did you mean engine: \'mocker\'?',
      'engine',
      'mocker',
    ],
    ['usage', 'up has no option "args".\nfix: did you mean workerArgs?', 'args', 'workerArgs'],
    ['usage', 'up has no option "timeout".\nfix: did you mean timeoutMs?', 'timeout', 'timeoutMs'],
    ['usage', 'up has no option "htttpPort".\nfix: did you mean httpPort?', 'htttpPort', 'httpPort'],
    ['usage', 'httpPort: "8000" is not a port from 1 to 65535.', 'httpPort', null],
    ['usage', 'replicas: this object is not an object of numbers from 1 to 256.', 'replicas', null],
    ['usage', 'workerArgs: "--x" is not an array of texts.', 'workerArgs', null],
    ['usage', 'env: this object is not an object of texts.', 'env', null],
    ['usage', 'infra: "***" is not one of auto, process, docker, external, none.', 'infra', null],
    [
      'usage',
      'images: this object is not an object of images, by etcd, nats, runtime, sim, prometheus, tempo, grafana.',
      'images',
      null,
    ],
    ['usage', 'httpPort: 1.5 is not a port from 1 to 65535.', 'httpPort', null],
    ['usage', `up has no option "stranger".\nfix: its options: ${names}`, 'stranger', null],
    'profile: undefined is not a text.',
    'options: "sim" is not an object.',
  ]);
  expect(leftovers(world)).toEqual([]);
});

test('vitest shows what failed, the end of the log and the fix', async ({ world }) => {
  installPacked(world);
  symlinkSync(join(packageFolder, 'node_modules', 'vitest'), join(world.work, 'node_modules', 'vitest'));
  const broken = faulty(world, 'agg', { worker: ['--crash-after', '0'] });
  writeFileSync(
    join(world.work, 'broken.test.js'),
    `import { up } from 'dynamo-launcher';
    import { test } from 'vitest';
    test('chat', async () => void (await up('${broken}', { engine: 'sim', set: { httpPort: ${await freePort()} } })), 60_000);`,
  );
  const vitest = join(packageFolder, 'node_modules', 'vitest', 'vitest.mjs');
  const { code, stdout, stderr } = await startCommand(world, ['node', vitest, 'run']).ended;
  const shown = stripVTControlCharacters(stdout + stderr);
  expect(code).toBe(1);
  expect(shown).toMatch(/DynamoError: worker exited with code \d+.*\n(.*\n)*?last \d+ lines of worker:\n/);
  expect(shown).toMatch(/simulated crash/);
  expect(shown).toMatch(/^fix: dynamo logs --run /m);
});

test('a secret is in the environment of its process, not in that of the program', async ({ world }) => {
  const { code, stdout } = await run(
    world,
    `const before = JSON.stringify(process.env);
    const run = await up('agg', { engine: 'sim', set, env: { LICENCE: 'not-for-us' } });
    await run.stop();
    console.log(JSON.stringify(process.env) === before, JSON.stringify(process.env).includes('not-for-us'));`,
  );
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'true false\n' });
});

test('runs of one program have different tokens, and its environment is not changed', async ({ world }) => {
  const session = await start(
    world,
    `process.env.HF_TOKEN = 'of-the-program';
    const before = JSON.stringify(process.env);
    const environment = { ...process.env, HF_TOKEN: 'of-the-second', NATS_AUTH_TOKEN: 'of-the-second' };
    const starting = [{}, { environment }, { env: { HF_TOKEN: 'of-the-third' } }].map((options) =>
      up('agg', { engine: 'sim', set, ...options }));
    // Later changes are for later runs.
    process.env.HF_TOKEN = 'of-the-fourth';
    starting.push(up('agg', { engine: 'sim', set }));
    process.env.HF_TOKEN = 'of-the-program';
    const runs = await Promise.all(starting);
    process.once('SIGTERM', async () => {
      for (const run of runs) await run.stop();
      console.log(JSON.stringify(process.env) === before);
    });
    console.log('ready', runs.map(({ runId }) => runId).join());`,
  );
  await session.until(/ready \S+\n/);
  const ids = /ready (\S+)/.exec(session.stdout())?.[1]?.split(',') ?? [];
  expect(ids.map((id) => tokensOf(id))).toEqual([
    { frontend: 'of-the-program', worker: 'of-the-program' },
    { frontend: 'of-the-second', worker: 'of-the-second' },
    { frontend: 'of-the-third', worker: 'of-the-third' },
    { frontend: 'of-the-fourth', worker: 'of-the-fourth' },
  ]);
  process.kill(session.pid, 'SIGTERM');
  const { code, stdout } = await session.ended;
  expect({ code, same: stdout.split('\n').at(-2) }).toEqual({ code: 0, same: 'true' });
});

/** The environments of the processes of a run, from the kernel. */
function tokensOf(runId: string): Record<string, string | undefined> {
  const environments = livingProcesses().map(({ pid }) => environmentOf(pid));
  const own = environments.filter((env) => env.get('DYNAMO_RUN_ID') === runId && env.has('DYNAMO_PROCESS'));
  return Object.fromEntries(own.map((env) => [env.get('DYNAMO_PROCESS') ?? '', env.get('HF_TOKEN')]));
}

test('after a failed deployment, `ended` has the error and `stop` rejects', async ({ world }) => {
  const session = await start(
    world,
    `${upAgain}console.log('ready');
    const error = await run.ended;
    const again = await run.stop().catch((thrown) => thrown);
    console.log(error.code, error.message.split('\\n')[0], again === error);`,
  );
  await session.until(/ready/);
  process.kill(await pidOf(world, 'worker'), 'SIGKILL');
  const { code, stdout } = await session.ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ready\nprocess-failed .*worker.*SIGKILL.* true\n$/);
});

test('aborting the signal cancels a start', async ({ world }) => {
  const slow = faulty(world, 'agg', { worker: ['--startup-time', '60'] });
  const { code, stdout } = await run(
    world,
    `const signal = AbortSignal.timeout(700);
    const error = await up('${slow}', { engine: 'sim', set, signal }).catch((thrown) => thrown);
    console.log(error === signal.reason);`,
  );
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'true\n' });
});

const consumer = `import { DynamoError, type Run, up } from 'dynamo-launcher';
export async function main(): Promise<number> {
  await using run: Run = await up('disagg', { engine: 'sim', set: { tracing: true, pageSize: 64 }, timeoutMs: 1000 });
  const base: string | undefined = run.env['OPENAI_BASE_URL'];
  const error: DynamoError | undefined = await run.ended;
  // @ts-expect-error -- no such engine
  await up('agg', { engine: 'vllm' });
  return (base?.length ?? 0) + (error?.exitCode ?? 0) + run.processes.length;
}
`;

test('the types are found and correct, even with the standard library alone', async ({ world }) => {
  installPacked(world);
  writeFileSync(join(world.work, 'consumer.ts'), consumer);
  const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022,dom'];
  const tsc = join(packageFolder, 'node_modules', '.bin', 'tsc');
  const words = [tsc, ...flags, '--types', '', 'consumer.ts'];
  expect(await startCommand(world, words).ended).toMatchObject({ code: 0, stdout: '' });
});

test('the examples for vitest', async ({ world }) => {
  installPacked(world);
  symlinkSync(join(packageFolder, 'node_modules', 'vitest'), join(world.work, 'node_modules', 'vitest'));
  for (const file of ['one.test.ts', 'vitest.global-setup.js', 'vitest.config.js']) {
    writeFileSync(join(world.work, file), docFile('library.md', file));
  }
  writeFileSync(join(world.work, 'chat.test.js'), docFile('ci.md', 'chat.test.js'));
  const vitest = join(packageFolder, 'node_modules', 'vitest', 'vitest.mjs');
  const env = { DYN_HTTP_PORT: String(await freePort()) };
  const { code, stdout, stderr } = await startCommand(world, ['node', vitest, 'run'], { env }).ended;
  expect({ code, passed: /Tests .*2 passed/.test(stdout) }, stdout + stderr).toEqual({
    code: 0,
    passed: true,
  });
});

test('restart, stop and start a process, metrics, kill', async ({ world }) => {
  const { code, stdout, stderr } = await run(
    world,
    `${upAgain}
    await run.restart('worker');
    await run.stopProcess('worker');
    await run.start('worker');
    const samples = await run.metrics();
    const requests = samples.filter(({ name }) => name === 'dynamo_frontend_requests_total');
    let unknown;
    await run.restart('nobody').catch((error) => { unknown = error.code; });
    await run.kill();
    const after = await fetch(run.url).catch(() => 'nobody');
    console.log(JSON.stringify({ requests: requests.length > 0, unknown, after }));`,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({ requests: true, unknown: 'usage', after: 'nobody' });
});

test('attach to a run in the background, and reuse one between programs', async ({ world }) => {
  const first = await run(
    world,
    `import { attach } from 'dynamo-launcher';
    const reused = await up('agg', { engine: 'sim', set, reuse: true });
    // The end of a block leaves it up.
    await reused[Symbol.asyncDispose]();
    const again = await up('agg', { engine: 'sim', set, reuse: true });
    const attached = await attach('agg');
    const { status } = await fetch(attached.url + '/health');
    console.log(JSON.stringify([again.runId === attached.runId, status]));
    process.exit(0);`,
  );
  expect({ code: first.code, stdout: first.stdout }, first.stderr).toEqual({
    code: 0,
    stdout: '[true,200]\n',
  });
  const second = await run(
    world,
    `import { attach } from 'dynamo-launcher';
    const attached = await attach();
    await attached.restart('worker');
    await attached.stop();
    let gone;
    await attach('agg').catch((error) => { gone = error.code; });
    console.log(JSON.stringify([(await attached.ended) === undefined, gone]));`,
  );
  expect({ code: second.code, stdout: second.stdout }, second.stderr).toEqual({
    code: 0,
    stdout: '[true,"run-not-found"]\n',
  });
});

test('a killed process ends a run of this program with the error, and is restarted in one in the background', async ({
  world,
}) => {
  const own = await run(
    world,
    `${upAgain}
    await run.kill('worker');
    const error = await run.ended;
    const after = await fetch(run.url).catch(() => 'nobody');
    console.log(JSON.stringify([error.code, error.message.split('\\n')[0], error.fields.process, after]));`,
  );
  expect({ code: own.code, stderr: own.stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(own.stdout)).toEqual([
    'process-failed',
    expect.stringContaining('worker was killed, as requested'),
    'worker',
    'nobody',
  ]);
  await up(world, 'agg');
  const before = await pidOf(world, 'worker');
  const program = `import { attach } from 'dynamo-launcher';
    const run = await attach('agg');
    await run.kill('worker');
    process.exit(0);`;
  expect((await run(world, program)).code).toBe(0);
  await until('it is restarted', async () => {
    const worker = (await ps(world))[0]?.processes.find(({ name }) => name === 'worker');
    return worker?.state === 'ready' && worker.restarts === 1 && worker.pid !== before;
  });
  await succeed(world, ['down', '--quiet']);
});

test('scale changes the workers of a run, and its processes follow', async ({ world }) => {
  const { code, stdout, stderr } = await run(
    world,
    `${upAgain}const names = () => run.processes.map(({ name }) => name).join();
    const seen = [await run.scale({ worker: 2 }), names(), run.logs('worker-2').includes('Registered endpoint')];
    seen.push((await run.scale({ worker: 1 }, { timeoutMs: 30_000 })).removed, names());
    seen.push(await run.scale({ frontend: 2 }).catch((error) => error instanceof DynamoError && error.code));
    await run.stop();
    console.log(JSON.stringify(seen));`,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const added = { added: ['worker-2'], removed: [] };
  const after = [['worker-2'], 'frontend,worker', 'usage'];
  expect(JSON.parse(stdout)).toEqual([added, 'frontend,worker,worker-2', true, ...after]);
});
