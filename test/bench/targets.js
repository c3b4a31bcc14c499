// All targets, ours and the minimum first.
import { floor } from './floor/floor.js';
import { dynamo } from './ours/dynamo.js';
import { concurrently } from './peers/concurrently.js';
import { hivemind } from './peers/hivemind.js';
import { honcho } from './peers/honcho.js';
import { overmind } from './peers/overmind.js';
import { pm2 } from './peers/pm2.js';
import { processCompose } from './peers/process-compose.js';
import { supervisord } from './peers/supervisord.js';

const all = [dynamo, floor, processCompose, overmind, hivemind, honcho, supervisord, concurrently, pm2];

/** Targets that can run here with their versions, and why the others cannot. */
export async function takePart(wanted) {
  const present = [];
  const missing = [];
  for (const target of all) {
    if (!wanted(target.name)) continue;
    if (target.path === undefined) {
      missing.push({
        name: target.name,
        why: target.missing ?? 'not installed (npm run bench:peers says why)',
      });
      continue;
    }
    try {
      present.push({ ...target, release: await target.version() });
    } catch (error) {
      missing.push({ name: target.name, why: `it does not run: ${String(error.message).split('\n')[0]}` });
    }
  }
  return { present, missing };
}

export const names = all.map(({ name }) => name);
