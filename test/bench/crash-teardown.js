// Time from the crash of a child to SIGTERM for the others, and until all are gone.
import { launch, now, untilEvents } from './launched.js';
import { isAlive } from './processes.js';
import { until } from './measure.js';

const count = 3;

export const crashTeardown = {
  name: 'teardown',
  title: 'Crash to teardown, 3 children, one crashes',
  rounds: 5,
  needs: 'teardown',
  metrics: {
    seen: { title: 'end to SIGTERM at the others', unit: 'ms', goal: '≤ 4 ms' },
    gone: { title: 'end to launcher and children gone', unit: 'ms' },
  },
  measure: async (target) => {
    const launched = await launch(target, { count, onCrash: 'teardown', watchReady: true });
    try {
      await untilEvents(launched, 'R', count);
      await launched.settled();
      const pid = launched.pid();
      await launched.poke(0, '/crash');
      const told = await untilEvents(launched, 'T', 1);
      const over = () => !isAlive(pid) && launched.living().length === 0;
      const goneAt = await until(() => (over() ? now() : undefined), 20_000, `${target.name}: all gone`);
      const crash = launched.events().find(({ kind }) => kind === 'X');
      return { seen: told.at - crash.at, gone: goneAt - crash.at };
    } finally {
      await launched.cleanUp();
    }
  },
};
