/** `dynamo stats` on upstream's pages: against what clients measured, and what a version does not report stays unknown. */
import { describe, expect } from 'vitest';
import { start, succeed } from '../../e2e/harness/cli.ts';
import { up } from '../../e2e/harness/deployment.ts';
import { type Measured, measuredChat, median } from '../../e2e/harness/measured-chat.ts';
import { test } from '../../e2e/harness/world.ts';
import { until } from '../../support/until.ts';
import type { Figures, ProcessFigures } from '../../../src/metrics/figures.ts';
import { pythons } from '../support/python.ts';

const timeout = 240_000;
const [rounds, clients, tokens] = [4, 4, 32];

interface Row {
  readonly figures: Figures;
  readonly sinceStart: Figures;
  readonly processes: readonly { readonly name: string; readonly figures: ProcessFigures }[];
}

async function stats(world: Parameters<typeof succeed>[0]): Promise<Row> {
  const { stdout } = await succeed(world, ['stats', '--json']);
  const [row] = (JSON.parse(stdout) as { runs: Row[] }).runs;
  if (row === undefined) throw new Error(stdout);
  return row;
}

describe.each(pythons('mocker'))('$name', ({ python }) => {
  test('figures of a disaggregated deployment with a KV router', { timeout }, async ({ world }) => {
    const running = await up(world, 'disagg_router', ['--engine', 'mocker', '--python', python]);
    const rate = /hit rate (\d+\.\d+)/.exec(running.proof.reuse ?? '')?.[1];
    if (rate !== undefined) expect(Number(rate)).toBeLessThanOrEqual(1);
    // The first chats of a client take longer, before they are sent.
    await Promise.all(Array.from({ length: clients }, async () => await measuredChat(running, 1)));
    const before = (await stats(world)).sinceStart.deployment;
    const watching = start(world, ['stats', '--watch', '--json']);
    await watching.until(/"windowMs"/);
    const seen: Measured[] = [];
    for (let round = 0; round < rounds; round++) {
      seen.push(
        ...(await Promise.all(
          Array.from({ length: clients }, async () => await measuredChat(running, tokens)),
        )),
      );
    }
    const latest = (): Row | undefined => {
      const line = watching.stdout().trimEnd().split('\n').at(-1) ?? '';
      return (JSON.parse(line || '{"runs":[]}') as { runs: Row[] }).runs[0];
    };
    const ended = (): boolean => {
      const { inFlight, ttftMs } = latest()?.figures.deployment ?? {};
      return inFlight === 0 && ttftMs?.count === seen.length;
    };
    await until('the load has ended', ended, 30_000);
    const now = await stats(world);
    const { deployment, roles } = now.sinceStart;
    expect(deployment.requests).toBe((before.requests ?? 0) + seen.length);
    // Requests of the proof may fail: on a busy machine, workers come late.
    expect(deployment.errors ?? 0).toBe(before.errors ?? 0);
    expect(deployment.cacheHitRate).toBeGreaterThanOrEqual(0);
    expect(deployment.cacheHitRate).toBeLessThanOrEqual(1);
    // Each of the two pools is routed.
    expect((deployment.cacheHitCount ?? 0) - (before.cacheHitCount ?? 0)).toBe(2 * seen.length);

    // Percentiles within the width of a bucket; clients also see the connection, and how busy this machine is. Several
    // tokens may reach a client at once, so of those only the mean is compared.
    const window = latest()?.figures.deployment;
    const ttft = median(seen.map((each) => each.ttftMs));
    const gaps = seen.flatMap((each) => each.itlMs);
    const itl = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    expect(window?.ttftMs?.p50).toBeGreaterThan(ttft * 0.2);
    expect(window?.ttftMs?.p50).toBeLessThan(ttft * 1.6);
    expect(window?.itlMs?.mean).toBeGreaterThan(itl * 0.6);
    expect(window?.itlMs?.mean).toBeLessThan(itl * 1.4);
    expect(window?.outputTokensPerSecond).toBeGreaterThan(0);
    expect(window?.inputTokensPerSecond).toBeGreaterThan(0);

    expect(roles.map(({ role, workers, answering }) => [role, workers, answering])).toEqual([
      ['prefill', 2, 2],
      ['decode', 2, 2],
    ]);
    for (const { role, requests } of roles) expect(requests, role).toBeGreaterThanOrEqual(seen.length);
    // The frontend knows the workers by their ids, which it writes in another way.
    for (const { name, figures } of now.processes) {
      if (figures.kind === 'worker') expect(figures.routed?.workerType, name).toBe(figures.role);
    }
    const decode = roles[1];
    // The mocker of 1.1 says nothing of its engine.
    if (python.includes('1.1')) expect(decode).not.toHaveProperty('kvUsage');
    else expect(decode).toMatchObject({ running: 0, queued: 0, kvUsage: expect.any(Number) });
    expect(roles[0]).not.toHaveProperty('kvUsage');
    process.kill(watching.pid, 'SIGINT');
    await watching.ended;
    await succeed(world, ['down']);
  });
});
