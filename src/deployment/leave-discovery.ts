/** Takes one worker out of discovery before it is stopped, as upstream's SGLang workers do themselves on SIGTERM. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import type { Environment } from '../base/environment.ts';
import type { Discovery } from '../engine/engine.ts';
import { deleteKeys } from '../infra/external-etcd.ts';
import type { ProcessSpec, ServingPlan } from '../plan/plan.ts';
import { statusUrl } from '../plan/ports.ts';
import { exchange } from '../probe/http.ts';

const answerMs = 2_000;
/** Frontends noticed within 0.1 s. */
const noticedWithinMs = 3_000;
const lookEveryMs = 50;
/** What the frontend had chosen before it noticed has arrived by then. */
const settleMs = 500;

/** Never rejects: then the worker is stopped all the same. */
export async function leaveDiscovery(
  plan: ServingPlan,
  { ports, registersAs }: ProcessSpec,
  environment: Environment,
): Promise<void> {
  if (registersAs === undefined) return;
  try {
    const { body } = await exchange(`${statusUrl(plan, ports.system)}/metrics`, { timeoutMs: answerMs });
    const id = instanceIn(body);
    if (id === undefined) return;
    await removeInstance(plan.discovery, id, environment);
    await untilUnknown(plan, id);
    await systemClock.sleep(settleMs);
  } catch {
    // Without an answer there is nothing to wait for.
  }
}

/** Hexadecimal on the page of a worker, as in the names of its keys. Source: docs/upstream/discovery.md#keys. */
function instanceIn(page: string): string | undefined {
  return /^dynamo_component_\w+\{[^}]*worker_id="([0-9a-f]{1,16})"/m.exec(page)?.[1];
}

/** Only its instances: the description of the model belongs to all workers. */
async function removeInstance(discovery: Discovery, id: string, environment: Environment): Promise<void> {
  if (discovery.backend === 'etcd')
    return await deleteKeys(
      discovery.endpoints,
      'v1/instances/',
      (key) => key.endsWith(`/${id}`),
      environment,
    );
  const folder = join(discovery.folder, 'v1', 'instances');
  const names = await readdir(folder);
  // Names are percent-encoded.
  const own = names.filter((name) => name.toLowerCase().endsWith(`%2f${id}`));
  await Promise.all(own.map(async (name) => await rm(join(folder, name), { force: true })));
}

async function untilUnknown({ http }: ServingPlan, id: string): Promise<void> {
  const decimal = BigInt(`0x${id}`).toString();
  const deadline = performance.now() + noticedWithinMs;
  while (performance.now() < deadline) {
    const { body } = await exchange(`${http.url}/health`, { timeoutMs: answerMs });
    if (!body.includes(decimal)) return;
    await systemClock.sleep(lookEveryMs);
  }
}
