/** Processes start at once: what waits has a reason that can be checked. */
import { expect, test } from 'vitest';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { options, pythonHost } from '../../support/profile.ts';
import { shipped, shippedNames } from '../../support/shipped-profiles.ts';

const environment = { PATH: '/usr/bin', HOME: '/home/user' };

test.each(await shippedNames())(
  '%s: a process waits only for one that loads into the same GPU',
  async (name) => {
    const { processes } = makePlan(
      await shipped(name),
      options({ engine: 'sglang' }),
      pythonHost('1.4.2', 8, { environment }),
    );
    const byName = new Map(processes.map((spec) => [spec.name, spec]));
    for (const { gpus, dependsOn } of processes)
      for (const { process } of dependsOn)
        expect(byName.get(process)?.gpus.some((gpu) => gpus.includes(gpu))).toBe(true);
    // All of them, where every worker has its own.
    if (new Set(processes.flatMap(({ gpus }) => gpus)).size === processes.flatMap(({ gpus }) => gpus).length)
      expect(processes.flatMap(({ dependsOn }) => dependsOn)).toEqual([]);
  },
);
