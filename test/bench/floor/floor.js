// A bare Node script: the minimum cost of any launcher in Node.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const launcher = new URL('launcher.js', import.meta.url).pathname;

export const floor = {
  name: 'node floor',
  path: process.execPath,
  can: ['restart', 'teardown', 'readiness'],
  note: 'raw output, no prefix',
  version: async () => process.versions.node,
  prepare: async (plan) => {
    const file = join(plan.folder, 'floor.json');
    await writeFile(file, JSON.stringify({ ...plan, readyFile: join(plan.folder, 'ready') }));
    return { argv: [process.execPath, launcher, file] };
  },
  readyTimes: ({ folder }) => {
    const lines = readFileSync(join(folder, 'ready'), 'utf8').trim().split('\n');
    return new Map(lines.map((line) => [line.split(' ')[0], Number(line.split(' ')[1])]));
  },
};
