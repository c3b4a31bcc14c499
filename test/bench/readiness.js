// Time from when a child first answers 200 until its launcher knows.
import { launch, untilEvents } from './launched.js';
import { until } from './measure.js';

const count = 3;
const delayMs = () => String(Math.round(300 + Math.random() * 1_000));

export const readiness = {
  name: 'readiness',
  title: 'Readiness lag by HTTP, 3 children that become ready at random moments',
  rounds: 8,
  needs: 'readiness',
  metrics: {
    lag: { title: 'would answer 200 to known as ready', unit: 'ms', goal: 'p50 ≤ 40 ms, p95 ≤ 70 ms' },
  },
  measure: async (target) => {
    const flags = Array.from({ length: count }, () => ['--ready-after', delayMs()]);
    const spec = { count, flags: (i) => flags[i], watchReady: true, timeReadiness: true };
    const launched = await launch(target, spec);
    try {
      await untilEvents(launched, 'R', count);
      const seen = await until(
        () => {
          const times = launched.times();
          return times?.size === count ? times : undefined;
        },
        20_000,
        `${target.name}: all seen as ready`,
      );
      const ready = launched.events().filter(({ kind, name }) => kind === 'R' && seen.has(name));
      await launched.stop();
      return { lag: ready.map(({ name, realMs }) => Math.max(0, seen.get(name) - realMs)) };
    } finally {
      await launched.cleanUp();
    }
  },
};
