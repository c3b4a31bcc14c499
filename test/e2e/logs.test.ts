/** `dynamo logs`: of all processes, of one, the last lines, new lines, and after the end of a run. */
import { appendFileSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { dynamo, shellCode, start, succeed } from './harness/cli.ts';
import { onSim, ps, up } from './harness/deployment.ts';
import { until } from '../support/until.ts';
import { test } from './harness/world.ts';

test('logs of a run: all with prefixes, one without prefix, the last lines of each', async ({ world }) => {
  await up(world, 'disagg');
  const all = await succeed(world, ['logs']);
  for (const name of ['frontend', 'prefill', 'decode'])
    expect(all.stdout).toMatch(new RegExp(`^${name} *\\| `, 'm'));
  expect(all.stderr).toBe('');
  const one = await succeed(world, ['logs', 'decode']);
  expect(one.stdout).toContain('Registered endpoint');
  expect(one.stdout).not.toContain('decode |');
  const last = await succeed(world, ['logs', '--tail', '1']);
  expect(last.stdout.trim().split('\n')).toHaveLength(3);
  const typo = await dynamo(world, ['logs', 'decod']);
  expect(typo.code).toBe(64);
  expect(typo.stderr).toContain('did you mean decode?');
  expect((await dynamo(world, ['logs', '--tail', 'few'])).code).toBe(64);
  await succeed(world, ['down']);
});

test('logs can be read after a run has ended, of the last run or by name', async ({ world }) => {
  const first = await up(world, 'agg', ['--name', 'first']);
  await succeed(world, ['down']);
  const second = await up(world, 'embeddings', ['--name', 'second']);
  await succeed(world, ['down']);
  expect((await succeed(world, ['logs', 'frontend'])).stdout).toContain('/v1/embeddings');
  expect((await succeed(world, ['logs', '--run', 'first', 'frontend'])).stdout).toContain(
    '/v1/chat/completions',
  );
  expect((await succeed(world, ['logs', '--run', first.runId])).stdout).not.toBe('');
  expect(second.runId).not.toBe(first.runId);
});

test('`logs -f` shows new lines and exits when the run ends', async ({ world }) => {
  const { client, model } = await up(world, 'agg');
  const session = start(world, ['logs', '-f', '--tail', '0']);
  const chat = client.chat.completions;
  const asking = setInterval(() => {
    chat.create({ model, messages: [{ role: 'user', content: 'x' }], max_tokens: 2 }).catch(() => {});
  }, 50);
  try {
    await session.until(/frontend +\| .*POST/);
  } finally {
    clearInterval(asking);
  }
  await succeed(world, ['down']);
  expect(await session.ended).toMatchObject({ code: 0 });
});

test('Ctrl-C exits `logs -f` with 130 and leaves the run alone', async ({ world }) => {
  const { client } = await up(world, 'agg');
  const session = start(world, ['logs', '-f']);
  await session.until(/system status server bound/);
  process.kill(session.pid, 'SIGINT');
  expect(shellCode(await session.ended)).toBe(130);
  expect((await client.models.list()).data).toHaveLength(1);
  await succeed(world, ['down']);
});

test('without any run, `logs` exits with 66 and says how to start one', async ({ world }) => {
  const { code, stderr } = await dynamo(world, ['logs']);
  expect(code).toBe(66);
  expect(stderr).toContain('dynamo up');
});

test('`--since`, `--grep` and `--raw` select and format lines; a token in a log is never shown', async ({
  world,
}) => {
  await up(world, 'agg');
  await succeed(world, ['down']);
  const file = (await ps(world, '--all'))[0]?.logs ?? '';
  const json = '{"time":"2030-01-01T00:00:01Z","level":"INFO","target":"a","message":"said","n":1}';
  writeFileSync(
    join(file, 'worker.log'),
    `2020-01-01T00:00:00Z old\n of old\n${json}\nHF_TOKEN=hf_abcdefghijklmnopqrstu\n`,
  );
  const logs = async (...flags: string[]): Promise<string> =>
    (await succeed(world, ['logs', 'worker', ...flags])).stdout;
  expect(await logs('--since', '10m')).toBe('2030-01-01T00:00:01Z  INFO a: said n=1\nHF_TOKEN=***\n');
  expect(await logs('--since', '2019-01-01', '--grep', 'OLD')).toBe('2020-01-01T00:00:00Z old\n of old\n');
  expect(await logs('--raw', '--grep', 'said')).toBe(`${json}\n`);
  for (const wrong of [
    ['--since', 'yesterday'],
    ['--grep', '('],
  ]) {
    const { code, stderr } = await dynamo(world, ['logs', ...wrong]);
    expect(code).toBe(64);
    expect(stderr).toContain(wrong.join(' "'));
  }
});

test('a log that grows too long is rotated, and both parts are read as one', async ({ world }) => {
  await up(world, 'agg', ['--log-limit', '1']);
  const folder = (await ps(world))[0]?.logs ?? '';
  const log = join(folder, 'worker.log');
  appendFileSync(log, `${'x'.repeat(99)}\n`.repeat(3_000));
  appendFileSync(log, 'the last line\n');
  await until('it is moved aside', () => existsSync(`${log}.1`), 20_000);
  expect(statSync(log).size).toBeLessThan(262_144);
  const { stdout } = await succeed(world, ['logs', 'worker']);
  expect(stdout).toContain('system status server bound');
  expect(stdout.match(/^x{99}$/gm)).toHaveLength(3_000);
  expect(stdout).toContain('the last line');
  await succeed(world, ['down']);
});

/** Control sequences that a terminal would obey, without the colours of `FORCE_COLOR`. */
function controlsIn(text: string): string[] {
  // oxlint-disable-next-line no-control-regex -- what must not be there
  const [colours, others] = [/\u001b\[[\d;]*m/g, /[\0-\u0008\u000b-\u001f\u007f-\u009f]/g];
  return text.replaceAll(colours, '').match(others) ?? [];
}

const rude = 'bell \u0007 back \b nothing \0 title \u001b]0;mine\u0007 clear \u001b[2J c1 \u009b2J end';
const shown = 'bell \\x07 back \\x08 nothing \\x00 title  clear  c1  end';

test('control characters in a log reach a terminal only with --raw', async ({ world }) => {
  const { processes } = await up(world, 'agg');
  expect(processes).toHaveLength(2);
  const [run] = await ps(world);
  const file = join(run?.logs ?? '', 'worker.log');
  appendFileSync(file, `${rude}\n`);
  for (const env of [{}, { FORCE_COLOR: '1' }]) {
    const { stdout } = await succeed(world, ['logs', 'worker', '--tail', '3'], { env });
    expect(stdout).toContain(shown);
    expect(controlsIn(stdout)).toEqual([]);
  }
  expect((await succeed(world, ['logs', 'worker', '--raw'])).stdout).toContain(rude);
  const session = start(world, ['attach'], { env: { FORCE_COLOR: '1' } });
  await session.until(/nothing .x00 title/);
  appendFileSync(file, `again ${rude}\n`);
  await session.until(/again bell .x07/);
  session.child.kill('SIGINT');
  expect(controlsIn((await session.ended).stdout)).toEqual([]);
  await succeed(world, ['down']);
});

test('control characters in a log do not reach the terminal of a foreground run', async ({ world }) => {
  const session = start(world, ['up', 'agg', ...(await onSim())], { env: { FORCE_COLOR: '1' } });
  await session.until(/Answer /);
  const [run] = await ps(world);
  appendFileSync(join(run?.logs ?? '', 'worker.log'), `${rude}\n`);
  await session.until(/nothing .x00 title/);
  session.child.kill('SIGINT');
  const ended = await session.ended;
  expect(shellCode(ended)).toBe(130);
  expect(controlsIn(ended.stdout + ended.stderr)).toEqual([]);
});

/** As SGLang writes it: in the zone of its process, without naming it. */
function localTime(at: number, timeZone: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format(at);
}

test('--since reads times without a zone in the zone of the run, not of the reader', async ({ world }) => {
  await up(world, 'agg', [], { env: { TZ: 'America/New_York' } });
  const [run] = await ps(world);
  const old = localTime(Date.now() - 3_600_000, 'America/New_York');
  const fresh = localTime(Date.now() - 60_000, 'America/New_York');
  writeFileSync(join(run?.logs ?? '', 'worker.log'), `[${old}] an hour ago\n[${fresh}] a minute ago\n`);
  for (const TZ of ['UTC', 'Asia/Tokyo', 'America/New_York', '']) {
    const { stdout } = await succeed(world, ['logs', 'worker', '--since', '10m'], { env: { TZ } });
    expect(stdout, TZ).toBe(`[${fresh}] a minute ago\n`);
  }
  await succeed(world, ['down']);
});

test('--since reports when no line has a time', async ({ world }) => {
  await up(world, 'agg');
  const [run] = await ps(world);
  writeFileSync(join(run?.logs ?? '', 'worker.log'), 'no time\nnone here\n');
  const { stdout, stderr } = await succeed(world, ['logs', 'worker', '--since', '10m']);
  expect(stdout).toBe('');
  expect(stderr).toContain('the lines of worker have no timestamps');
  await succeed(world, ['down']);
});
