/** `dynamo scale` with upstream's frontend and mocker: workers come and go under load, and no request fails. */
import { describe, expect } from 'vitest';
import { succeed } from '../../e2e/harness/cli.ts';
import { ps, up } from '../../e2e/harness/deployment.ts';
import { steadyLoad } from '../../e2e/harness/steady-load.ts';
import { test } from '../../e2e/harness/world.ts';
import { install, versions } from '../support/installed.ts';
import { pythons } from '../support/python.ts';

const timeout = 300_000;

/** Of all workers; the frontend has no such argument. */
const other = ['--', '--speedup-ratio', '2'];
const onEtcd = ['--infra', 'process', '--events', 'nats'];
const cases = [
  { pattern: 'disagg', planes: [], more: ['decode=3', 'prefill=2'], fewer: ['decode=1', 'prefill=1'] },
  { pattern: 'agg_router', planes: [], more: ['worker=4'], fewer: ['worker=1'] },
  { pattern: 'agg_router', planes: onEtcd, more: ['worker=4'], fewer: ['worker=1'] },
  { pattern: 'disagg', planes: onEtcd, more: ['decode=2', 'prefill=2'], fewer: ['decode=1', 'prefill=1'] },
];

describe.each(pythons('mocker'))('$name', ({ python }) => {
  test.for(cases)(
    '$pattern $planes is scaled and replaced under load',
    { timeout },
    async ({ pattern, planes, more, fewer }, { world }) => {
      const [binaries] = versions();
      if (binaries !== undefined) install(world, binaries);
      const words = ['--engine', 'mocker', '--python', python, ...planes];
      const running = await up(world, pattern, words);
      const load = steadyLoad(running.url, running.model, 20, 12);
      await load.answers(20);
      for (let round = 0; round < 2; round++) {
        await succeed(world, ['scale', ...more]);
        await load.answers(40);
        await succeed(world, ['scale', ...fewer]);
        await load.answers(20);
      }
      const { stdout } = await succeed(world, ['up', pattern, '--detach', ...words, '--replace', ...other]);
      expect(stdout).toContain(`${pattern}: replaced `);
      await load.answers(20);
      const { sent, answered, failed } = await load.end();
      console.log(`${pattern}: ${sent} sent, ${answered} answered, ${failed.length} failed`);
      expect(failed).toEqual([]);
      expect(answered).toBe(sent);
      const [run] = await ps(world);
      expect(run?.processes).toHaveLength(running.processes.length - (pattern === 'agg_router' ? 1 : 0));
      await succeed(world, ['down']);
    },
  );
});
