// Time from the crash of a child to its restart.
import { launch, untilEvents } from './launched.js';

const count = 3;

export const crashRestart = {
  name: 'restart',
  title: 'Crash to restart, 3 children, one crashes',
  rounds: 5,
  needs: 'restart',
  metrics: { gap: { title: 'end to next start', unit: 'ms' } },
  measure: async (target) => {
    const launched = await launch(target, { count, onCrash: 'restart', watchReady: true });
    try {
      await untilEvents(launched, 'R', count);
      await launched.settled();
      await launched.poke(0, '/crash');
      const again = await untilEvents(launched, 'S', count + 1);
      const crash = launched.events().find(({ kind }) => kind === 'X');
      await untilEvents(launched, 'R', count + 1);
      await launched.stop();
      return { gap: again.at - crash.at };
    } finally {
      await launched.cleanUp();
    }
  },
};
