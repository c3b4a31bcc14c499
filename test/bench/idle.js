// The cost of supervising eight idle children, with one-second probes if the launcher has probes.
import { launch, now, untilEvents } from './launched.js';
import { cpuOf, memoryOf } from './processes.js';

const count = 8;
const settleMs = 1_500;
const watchMs = 60_000;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export const idle = {
  name: 'idle',
  title: 'Idle, 8 children (probed every second by dynamo and process-compose)',
  rounds: 1,
  metrics: {
    memory: { title: 'memory of launcher and all beside the children (PSS)', unit: 'MiB', goal: '≤ 50 MiB' },
    cpu: { title: 'of one core', unit: '%', digits: 2, goal: '≤ 0.3 %' },
    processes: { title: 'processes beside the children', unit: '' },
  },
  measure: async (target) => {
    const launched = await launch(target, { count, watchReady: true });
    try {
      await untilEvents(launched, 'R', count);
      await launched.settled();
      await pause(settleMs);
      const own = launched.supervision();
      const before = { cpu: cpuOf(own), at: now() };
      await pause(watchMs);
      const cpu = (100 * (cpuOf(own) - before.cpu)) / (now() - before.at);
      const memory = memoryOf(own);
      await launched.stop();
      return { memory, cpu, processes: own.length };
    } finally {
      await launched.cleanUp();
    }
  },
};
