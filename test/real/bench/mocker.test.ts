/** `bench` on upstream's frontend and mocker: our generator counts what they count, and forces the length of answers. */
import { expect } from 'vitest';
import type { BenchResult } from '../../../src/bench/result.ts';
import { dynamo } from '../../e2e/harness/cli.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { test } from '../../e2e/harness/world.ts';
import { pythons } from '../support/python.ts';

for (const { name, python } of pythons('mocker')) {
  test(
    `disagg on ${name}: tokens as asked, roles and figures of the server`,
    { timeout: 180_000 },
    async ({ world }) => {
      const words = [
        'disagg',
        '--engine',
        'mocker',
        '--python',
        python,
        '--set',
        `httpPort=${await freePort()}`,
      ];
      const load = ['--concurrency', '4', '--requests', '24', '--isl', '300', '--osl', '24', '--rounds', '1'];
      // Not `succeed`: on a busy machine its figures are withheld, with exit code 1.
      const { stdout } = await dynamo(world, ['bench', ...words, ...load, '--json']);
      const { arms, simulated, notes } = JSON.parse(stdout) as BenchResult;
      expect(simulated).toBe(true);
      const [round] = arms[0]?.points[0]?.rounds ?? [];
      expect(round?.figures).toMatchObject({ answered: 24, errors: 0, osl: { min: 24, max: 24 } });
      expect(Math.abs((round?.figures.isl?.mean ?? 0) - 300)).toBeLessThan(15);
      expect(notes.join('\n')).not.toMatch(/does not take ignore_eos|does not count/);
      expect(round?.roles.map(({ role }) => role)).toEqual(['prefill', 'decode']);
      // The frontend's own histogram of the same requests; its buckets are a factor of two apart.
      const seen = round?.roles[0]?.values['serverTtftMs'] ?? 0;
      expect((round?.figures.ttft?.p50 ?? 0) / seen).toBeGreaterThan(0.5);
      expect((round?.figures.ttft?.p50 ?? 0) / seen).toBeLessThan(2.5);
    },
  );
}
