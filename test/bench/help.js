// The cost of `dynamo --help` compared with Node alone, measured in pairs.
import { cli, median, timed } from './measure.js';

export async function help() {
  const pairs = [];
  for (let i = 0; i < 21; i++) {
    const ours = await timed(process.execPath, [cli, '--help']);
    const floor = await timed(process.execPath, ['-e', '0']);
    if (i > 0) pairs.push({ ours: ours.ms, floor: floor.ms, ratio: ours.ms / floor.ms });
  }
  return {
    'dynamo --help': `${median(pairs.map(({ ours }) => ours)).toFixed(0)} ms`,
    'node -e 0': `${median(pairs.map(({ floor }) => floor)).toFixed(0)} ms`,
    ratio: median(pairs.map(({ ratio }) => ratio)).toFixed(2),
    goal: '≤ 1.30',
  };
}
