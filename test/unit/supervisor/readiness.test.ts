/** How a process that loads is asked whether it is ready. */
import { expect, test } from 'vitest';
import type { LoadWatcher, Prober } from '../../../src/supervisor/contracts.ts';
import type { StartPhase } from '../../../src/supervisor/start-phases.ts';
import { fakeWorld, supervised } from '../../support/fake-world.ts';
import { fakePlan } from '../../support/profile.ts';

test('a process that says that it registers is soon ready', async () => {
  const world = fakeWorld({});
  const soonAt: number[] = [];
  const prober: Prober = {
    ...world.prober,
    ready: async (_probe, signal, soon) => {
      soon?.addEventListener('abort', () => soonAt.push(world.clock.now()));
      await world.clock.sleep(2_500, signal);
    },
  };
  const loads: LoadWatcher = {
    watch: (_process, onProgress) => {
      const say = async (ms: number, phase: StartPhase): Promise<void> => {
        await world.clock.sleep(ms);
        onProgress({ doing: 'loading', phase, what: phase });
      };
      void say(1_000, 'weights');
      void say(2_000, 'registration');
      return () => {};
    },
  };
  const plan = fakePlan();
  const begin = world.clock.now();
  const supervision = supervised(plan, { ...world, prober, loads });
  await world.clock.advance(3_000);
  expect(soonAt).toEqual(plan.processes.map(() => begin + 2_000));
  supervision.stop();
  await world.clock.advance(10_000);
  await supervision.done;
});
