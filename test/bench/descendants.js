// Ten descendants that try to escape, and what is left of them after a stop, and after SIGKILL of the launcher.
import { launch, now, untilEvents } from './launched.js';
import { until } from './measure.js';

const hard = 10;
/** Time limit in milliseconds for clean-up by the launcher, and by others after it was killed. */
const watchMs = 3_000;

async function started(target) {
  const launched = await launch(target, {
    count: 1,
    flags: ['--hard'],
    stopGraceMs: 1_000,
    watchReady: true,
  });
  try {
    await untilEvents(launched, 'H', hard);
    await launched.settled();
    return launched;
  } catch (error) {
    await launched.cleanUp();
    throw error;
  }
}

async function leftAfter(launched, end) {
  try {
    const beganAt = now();
    await end();
    const zero = () => (launched.living().length === 0 ? now() - beganAt : undefined);
    const ms = await until(zero, watchMs, 'nothing left').catch(() => Infinity);
    return { left: launched.living().length, ms };
  } finally {
    await launched.cleanUp();
  }
}

export const descendants = {
  name: 'descendants',
  title: `Hard descendants: what is left of 10 (and their leader) after ${watchMs / 1000} s`,
  rounds: 2,
  metrics: {
    stop: { title: 'left after a stop', unit: '', goal: '0' },
    kill: { title: 'left after SIGKILL of the launcher', unit: '', goal: '0' },
    killMs: { title: 'SIGKILL to nothing left', unit: 'ms', goal: '≤ 1000 ms' },
  },
  measure: async (target) => {
    const toStop = await started(target);
    const stopped = await leftAfter(toStop, () => toStop.stop(10_000));
    const toKill = await started(target);
    const killed = await leftAfter(toKill, async () => process.kill(toKill.pid(), 'SIGKILL'));
    return { stop: stopped.left, kill: killed.left, killMs: killed.ms };
  },
};
