// Children that ignore SIGTERM, with two seconds of grace: how much longer the stop takes.
import { launch, untilEvents } from './launched.js';

const stopGraceMs = 2_000;
const limitMs = 9_000;

async function overtime(target, count) {
  const launched = await launch(target, { count, flags: ['--ignore'], stopGraceMs });
  try {
    await untilEvents(launched, 'R', count);
    await launched.settled();
    const { ms, left, hung } = await launched.stop(limitMs);
    return { over: hung ? Infinity : ms - stopGraceMs, left };
  } finally {
    await launched.cleanUp();
  }
}

export const stubborn = {
  name: 'stubborn',
  title: 'Stubborn children, 2 s of grace (9 s and more counts as never)',
  rounds: 3,
  metrics: {
    one: { title: 'one: time beyond the grace', unit: 'ms', goal: '≤ 50 ms' },
    three: { title: 'three: time beyond the grace', unit: 'ms', goal: '≤ 50 ms' },
    left: { title: 'children left', unit: '' },
  },
  measure: async (target) => {
    const one = await overtime(target, 1);
    const three = await overtime(target, 3);
    return { one: one.over, three: three.over, left: one.left + three.left };
  },
};
