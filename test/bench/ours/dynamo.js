// Our supervision: launcher, tracker, keeper and foreground view, with simple children.
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle } from './build.js';

export const dynamo = {
  name: 'dynamo',
  path: process.execPath,
  can: ['restart', 'teardown', 'readiness'],
  note: 'backoff of 1 s before a restart, on purpose',
  version: async () =>
    JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')).version,
  prepare: async (plan) => {
    const file = join(plan.folder, 'plan.json');
    await writeFile(file, JSON.stringify(plan));
    const env = { XDG_STATE_HOME: plan.folder, XDG_RUNTIME_DIR: plan.folder };
    return { argv: [process.execPath, await bundle(), file], env };
  },
  isUp: (plan) => told(plan).some(({ type }) => type === 'ready'),
  readyTimes: (plan) =>
    new Map(
      told(plan)
        .filter(({ type, state }) => type === 'process' && state === 'ready')
        .map((event) => [event.process, event.at]),
    ),
};

/** The events of the last run in this folder. */
export function told({ folder }) {
  try {
    const runs = join(folder, 'dynamo', 'runs');
    const last = readdirSync(runs).toSorted().at(-1);
    const lines = readFileSync(join(runs, last, 'events.jsonl'), 'utf8').split('\n');
    // The last line may be incomplete.
    return lines.slice(0, -1).map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}
