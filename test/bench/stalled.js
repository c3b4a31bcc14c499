// The launcher's output is not read while a child writes two million lines: the cost, and who has to wait.
import { launch, untilEvents } from './launched.js';
import { memoryOf } from './processes.js';

const lines = 2_000_000;
const stallMs = 5_000;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export const stalled = {
  name: 'stalled',
  title: 'Stalled reader, 2 million lines (200 MB) written, 5 s',
  rounds: 1,
  metrics: {
    growth: { title: 'memory growth of the launcher', unit: 'MiB', goal: '≤ 1 MiB' },
    finished: { title: 'the child could write all of it', unit: '%', more: true },
  },
  measure: async (target) => {
    const launched = await launch(target, { count: 2, watchReady: true, stdout: 'stalled' });
    try {
      await untilEvents(launched, 'R', 2);
      await launched.settled();
      // Warm-up: the first execution of code is not measured.
      await launched.poke(1, '/spew/200');
      await untilEvents(launched, 'D', 1);
      await pause(500);
      const before = memoryOf(launched.supervision());
      await launched.poke(0, `/spew/${lines}`);
      await pause(stallMs);
      const growth = memoryOf(launched.supervision()) - before;
      const done = launched.events().some(({ kind, name }) => kind === 'D' && name === 'c0');
      return { growth, finished: done ? 100 : 0 };
    } finally {
      await launched.cleanUp();
    }
  },
};
