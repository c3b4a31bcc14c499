// Wall time of `up agg` on the embedded engine, from the command to readiness, and of `down`.
import { cli, median, timed, withOwnState } from './measure.js';

export async function up() {
  return await withOwnState(async (env) => {
    const ups = [];
    const downs = [];
    for (let i = 0; i < 7; i++) {
      const start = await timed(process.execPath, [cli, 'up', 'agg', '--engine', 'sim', '--detach'], { env });
      const stop = await timed(process.execPath, [cli, 'down'], { env });
      if (start.code !== 0 || stop.code !== 0)
        throw new Error(`up ended with ${start.code}, down with ${stop.code}`);
      ups.push(start.ms);
      downs.push(stop.ms);
    }
    return {
      'up agg --detach': `${median(ups).toFixed(0)} ms (worst ${Math.max(...ups).toFixed(0)})`,
      down: `${median(downs).toFixed(0)} ms (worst ${Math.max(...downs).toFixed(0)})`,
      goal: '≤ 1500 ms',
    };
  });
}
