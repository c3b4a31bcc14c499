/** `dynamo stats`, `top` and `ps --watch`: figures against what clients measured, a killed worker, keys in a terminal. */
import { expect } from 'vitest';
import { until } from '../support/until.ts';
import { executable, type Session, shellCode, start, startCommand, succeed } from './harness/cli.ts';
import { faulty, onSim, up } from './harness/deployment.ts';
import { type Measured, measuredChat, median } from './harness/measured-chat.ts';
import { test, type World } from './harness/world.ts';

interface Spread {
  readonly count: number;
  readonly mean?: number;
  readonly p50?: number;
  readonly p99?: number;
}
interface Figures {
  readonly windowMs?: number;
  readonly deployment: {
    readonly requests?: number;
    readonly errors?: number;
    readonly outputTokensPerSecond?: number;
    readonly ttftMs?: Spread;
    readonly itlMs?: Spread;
  };
  readonly roles: readonly { readonly role: string; readonly answering: number; readonly kvUsage?: number }[];
}
interface Row {
  readonly figures?: Figures;
  readonly sinceStart?: Figures;
  readonly processes: readonly {
    readonly name: string;
    readonly pid?: number;
    readonly restarts: number;
    readonly figures?: {
      readonly answers: boolean;
      readonly requestsPerSecond?: number;
      readonly kvUsage?: number;
    };
  }[];
}

const runsIn = (text: string): readonly Row[] => (JSON.parse(text) as { runs: Row[] }).runs;
const lastLine = ({ stdout }: Session): Row | undefined =>
  runsIn(stdout().trimEnd().split('\n').at(-1) || '{"runs":[]}')[0];

/** A token each 50 ms, and about 200 ms for a prompt: far more than a busy machine adds. */
const slow = ['--tokens-per-second', '20'];

test('figures agree with what clients measured', { timeout: 90_000 }, async ({ world }) => {
  const run = await up(world, faulty(world, 'disagg', { prefill: slow, decode: slow }));
  // The first chats of a client take longer, before they are sent.
  await Promise.all(Array.from({ length: 6 }, async () => await measuredChat(run, 1)));
  const before = runsIn((await succeed(world, ['stats', '--json'])).stdout)[0]?.sinceStart?.deployment;
  const watching = start(world, ['stats', '--watch', '--json']);
  await watching.until(/"windowMs"/);
  const seen: Measured[] = [];
  for (let round = 0; round < 3; round++) {
    seen.push(...(await Promise.all(Array.from({ length: 6 }, async () => await measuredChat(run, 12)))));
  }
  const itl = seen.flatMap((each) => each.itlMs);
  const counted = () => lastLine(watching)?.figures?.deployment.itlMs?.count;
  await until('the load is counted', () => counted() === itl.length);
  const now = lastLine(watching)?.figures;
  const { ttftMs, itlMs, outputTokensPerSecond = 0, errors } = now?.deployment ?? {};
  // Clients see the connection as well. Buckets of sim are half as wide as their bounds.
  const ttft = median(seen.map((each) => each.ttftMs));
  expect(ttftMs?.p50).toBeGreaterThan(ttft * 0.6);
  expect(ttftMs?.p50).toBeLessThan(ttft * 1.3);
  expect(ttftMs?.count).toBe(seen.length);
  expect(itlMs?.p50).toBeGreaterThan(median(itl) * 0.7);
  expect(itlMs?.p50).toBeLessThan(median(itl) * 1.3);
  expect(errors).toBe(0);
  const tokens = (outputTokensPerSecond * (now?.windowMs ?? 0)) / 1000;
  expect(Math.round(tokens)).toBe(seen.length * 12);
  process.kill(watching.pid, 'SIGINT');
  await watching.ended;

  const whole = runsIn((await succeed(world, ['stats', run.name, '--json'])).stdout)[0];
  expect(whole?.sinceStart?.deployment.requests).toBe((before?.requests ?? 0) + seen.length);
  expect(whole?.sinceStart?.deployment.ttftMs?.count).toBe((before?.ttftMs?.count ?? 0) + seen.length);
  const { stdout } = await succeed(world, ['stats']);
  expect(stdout).toContain(run.url);
  expect(stdout).toMatch(
    new RegExp(`TTFT +p50 .* ${whole?.sinceStart?.deployment.ttftMs?.count} requests since the start`),
  );
  // Where the output is no terminal, `top` says the same once.
  expect((await succeed(world, ['top'])).stdout).toContain('requests since the start');
  expect(runsIn((await succeed(world, ['ps', '--json'])).stdout)[0]?.figures?.deployment.requests).toBe(
    whole?.sinceStart?.deployment.requests,
  );
  await succeed(world, ['down']);
});

test(
  'the figures of a killed worker vanish, and its restart is no negative rate',
  { timeout: 60_000 },
  async ({ world }) => {
    // Away for longer than the period of `ps --watch`, so that at least two looks find it away.
    const run = await up(world, 'agg', ['--set', 'components.worker.backoffSeconds=4']);
    await Promise.all([measuredChat(run, 4), measuredChat(run, 4), measuredChat(run, 4)]);
    const watching = start(world, ['ps', '--watch', '--json']);
    const worker = () => lastLine(watching)?.processes.find(({ name }) => name === 'worker');
    await until('the worker answers', () => worker()?.figures?.kvUsage !== undefined);
    process.kill(worker()?.pid ?? 0, 'SIGKILL');
    await until('it is gone', () => worker()?.figures?.answers === false);
    expect(worker()?.figures).not.toHaveProperty('kvUsage');
    expect(lastLine(watching)?.figures?.roles).toMatchObject([{ role: 'aggregated', answering: 0 }]);
    await until('it is back', () => worker()?.figures?.answers === true && worker()?.restarts === 1);
    expect(worker()?.figures?.requestsPerSecond ?? 0).toBeGreaterThanOrEqual(0);
    process.kill(watching.pid, 'SIGINT');
    expect(shellCode(await watching.ended)).toBe(130);
    await succeed(world, ['down']);
  },
);

test('nothing is up', async ({ world }) => {
  for (const verb of ['top', 'stats']) {
    const { stdout, stderr } = await succeed(world, [verb]);
    expect(stdout).toBe('');
    expect(stderr).toContain('no runs are up');
  }
  expect(JSON.parse((await succeed(world, ['stats', '--json'])).stdout)).toEqual({ version: 1, runs: [] });
});

/** In a terminal of 80 columns and 30 lines, with keys from a pipe. */
function inTerminal(world: World, args: string): Session {
  const command = `/usr/bin/stty rows 30 cols 80; exec "${process.execPath}" "${executable}" ${args}`;
  return startCommand(world, ['/usr/bin/script', '--quiet', '--return', '--command', command, '/dev/null'], {
    env: { TERM: 'xterm-256color', NO_COLOR: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** The last frame: what was drawn since the cursor was last sent home. */
function frameOf({ stdout }: Session): string {
  // oxlint-disable-next-line no-control-regex -- what a terminal reads
  return (stdout().split('\u001B[H').at(-1) ?? '').replaceAll(/\u001B\[[\d;?]*[A-Za-z]|\r/g, '');
}

test('in a terminal, keys choose, ask, act, show logs and quit', { timeout: 90_000 }, async ({ world }) => {
  const { url } = await up(world, 'disagg', await onSim());
  const top = inTerminal(world, 'top');
  const press = (keys: string): void => void top.child.stdin?.write(keys);
  const shows = async (pattern: RegExp): Promise<unknown> =>
    await until(`${pattern} on the screen`, () => pattern.test(frameOf(top))).catch((error: unknown) => {
      throw new Error(`${String(error)}; it shows:\n${frameOf(top)}`);
    });
  await shows(/❯ frontend /);
  await shows(/1 request in the last|no errors/);
  expect(frameOf(top)).toContain(url);
  for (const line of frameOf(top).split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  press('\u001B[B');
  await shows(/❯ prefill /);
  press('\u001B[B');
  await shows(/❯ decode /);
  press('?');
  await shows(/Keys\n[^]*restart it, after a question/);
  press('x');
  await shows(/❯ decode /);
  press('r');
  await shows(/restart decode\? y: yes/);
  press('n');
  await shows(/q quit/);
  press('s');
  await shows(/stop decode\? y: yes/);
  press('y');
  await shows(/decode is stopped/);
  await shows(/❯ decode +stopped/);
  press('s');
  await shows(/start decode\?/);
  press('y');
  await shows(/decode is ready/);
  press('l');
  await until('logs are shown', () => /logs of decode; q returns[^]*Registered endpoint/.test(top.stdout()));
  press('q');
  // The screen is drawn again after the logs.
  const drawnAgain = /logs of decode; q returns[^]*dynamo top [^]*❯ decode/;
  await until('the screen is back', () => drawnAgain.test(top.stdout()));
  press('q');
  expect((await top.ended).code).toBe(0);
  const again = inTerminal(world, 'ps --watch');
  await until('it is drawn', () => /❯ frontend/.test(frameOf(again)));
  again.child.stdin?.write('\u0003');
  expect((await again.ended).code).toBe(130);
  await succeed(world, ['down']);
});
