/** Profiles that name an external etcd and NATS. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from '../../e2e/harness/world.ts';

/** A profile that extends agg_router with this section. Returns its path; the next one replaces it. */
export function profileWith(world: World, infra: object): string {
  const file = join(world.work, 'mine.yaml');
  writeFileSync(file, `extends: agg_router\ninfra: ${JSON.stringify(infra)}\n`);
  return file;
}
