// Starts the same again right after SIGKILL of the launcher, and counts the running children.
import { launch, startIn, untilEvents } from './launched.js';

const count = 3;
const settleMs = 1_000;

export const secondStart = {
  name: 'second',
  title: 'Second start after SIGKILL of the launcher, 3 children wanted',
  rounds: 2,
  metrics: { running: { title: 'children that run', unit: '', goal: '3' } },
  measure: async (target) => {
    const launched = await launch(target, { count });
    let again;
    try {
      await untilEvents(launched, 'R', count);
      await launched.settled();
      process.kill(launched.pid(), 'SIGKILL');
      await launched.untilDead();
      again = await startIn(target, launched.plan);
      // A launcher that refuses a second start has no more children.
      await untilEvents(again, 'R', count * 2, 10_000).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, settleMs));
      return { running: again.living().length };
    } finally {
      await again?.stop(5_000);
      await launched.cleanUp();
      await again?.cleanUp();
    }
  },
};
