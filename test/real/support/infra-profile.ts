/** Profiles that name an etcd and a NATS of others. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from '../../e2e/harness/world.ts';

/** One that extends agg_router with this section. Returns its path; the next one takes its place. */
export function profileWith(world: World, infra: object): string {
  const file = join(world.work, 'mine.yaml');
  writeFileSync(file, `extends: agg_router\ninfra: ${JSON.stringify(infra)}\n`);
  return file;
}
