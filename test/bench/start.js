// Time from the command until the last of eight children runs, and the clean stop of all eight.
import { launch, untilEvents } from './launched.js';

const count = 8;

export const start = {
  name: 'start',
  title: 'Start and clean stop of 8 children',
  rounds: 5,
  metrics: {
    started: { title: 'command to last child started', unit: 'ms', goal: '≤ Node floor + 40 ms' },
    stopped: { title: 'SIGTERM to launcher and children gone', unit: 'ms', goal: '≤ 1.5 × Node floor' },
    left: { title: 'children left', unit: '' },
  },
  measure: async (target) => {
    const launched = await launch(target, { count });
    try {
      const last = await untilEvents(launched, 'S', count);
      await untilEvents(launched, 'R', count);
      await launched.settled();
      const { ms, left, hung } = await launched.stop();
      return { started: last.at - launched.beganAt, stopped: hung ? Infinity : ms, left };
    } finally {
      await launched.cleanUp();
    }
  },
};
