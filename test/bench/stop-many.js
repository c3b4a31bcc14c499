// Clean stop of fifty children that exit at once when asked.
import { launch, untilEvents } from './launched.js';

const count = 50;

export const stopMany = {
  name: 'stop50',
  title: 'Clean stop of 50 children',
  rounds: 5,
  metrics: {
    stopped: { title: 'SIGTERM to launcher and children gone', unit: 'ms', goal: '≤ 1.5 × Node floor' },
    left: { title: 'children left', unit: '' },
  },
  measure: async (target) => {
    const launched = await launch(target, { count });
    try {
      await untilEvents(launched, 'R', count);
      await launched.settled();
      const { ms, left, hung } = await launched.stop(40_000);
      return { stopped: hung ? Infinity : ms, left };
    } finally {
      await launched.cleanUp();
    }
  },
};
