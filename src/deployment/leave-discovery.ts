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
import { readWork } from '../probe/work-page.ts';

const answerMs = 2_000;
/** Frontends noticed within 0.1 s. */
const noticedWithinMs = 3_000;
const lookEveryMs = 50;
/**
 * A worker that has received nothing for this long gets no more: the frontend has noticed. Once it had not after 500 ms, with 1.1.1
 * on two cores that were busy: two of 2,149 requests failed.
 */
const quietMs = 1_000;
/** What the frontend had chosen before it noticed has arrived by then. */
const settleMs = 500;
/** How long the worker may keep its place for requests that it has; it answers the rest without one. */
const answeredWithinMs = 10_000;

/**
 * First its model card, then its instances. With 1.6, a frontend fails the requests that it has sent to an instance and that the
 * worker has not begun to answer when the instance goes; without a card, it sends no more of them. Never rejects: then the
 * worker is stopped all the same. Source: docs/upstream/discovery.md#leaving.
 */
export async function leaveDiscovery(
  plan: ServingPlan,
  spec: ProcessSpec,
  environment: Environment,
  until: AbortSignal,
): Promise<void> {
  if (spec.registersAs === undefined) return;
  try {
    const id = instanceIn(await pageOf(plan, spec));
    if (id === undefined) return;
    await removeKeys(plan.discovery, 'mdc', id, environment);
    // A page that did not come in time is no reason to keep its place.
    await untilIdle(plan, spec, until).catch(() => until.throwIfAborted());
    await removeKeys(plan.discovery, 'instances', id, environment);
    await untilUnknown(plan, id, until);
    await systemClock.sleep(settleMs, until);
  } catch {
    // Without an answer there is nothing to wait for; nor if the run ends.
  }
}

async function pageOf(plan: ServingPlan, { ports }: ProcessSpec): Promise<string> {
  const { body } = await exchange(`${statusUrl(plan, ports.system)}/metrics`, { timeoutMs: answerMs });
  return body;
}

/** Until it has answered what it received, and receives no more. */
async function untilIdle(plan: ServingPlan, spec: ProcessSpec, until: AbortSignal): Promise<void> {
  const begin = performance.now();
  let [known, quietSince] = [-1, begin];
  for (;;) {
    const { received, inFlight } = readWork(await pageOf(plan, spec), spec);
    const now = performance.now();
    if (received !== known) [known, quietSince] = [received, now];
    const isQuiet = now - quietSince >= quietMs;
    if (isQuiet && inFlight === 0) return;
    // 1.1.1 without the KV router does not look at cards.
    if (!isQuiet && now - begin >= noticedWithinMs) return;
    if (now - begin >= answeredWithinMs) return;
    await systemClock.sleep(lookEveryMs, until);
  }
}

/** Hexadecimal on the page of a worker, as in the names of its keys. Source: docs/upstream/discovery.md#keys. */
function instanceIn(page: string): string | undefined {
  return /^dynamo_component_\w+\{[^}]*worker_id="([0-9a-f]{1,16})"/m.exec(page)?.[1];
}

/** Every key of the instance in one bucket: that of each endpoint of its process. Rejects if they cannot be read. */
export async function removeKeys(
  discovery: Discovery,
  bucket: 'mdc' | 'instances',
  id: string,
  environment: Environment,
): Promise<void> {
  if (discovery.backend === 'etcd')
    return await deleteKeys(
      discovery.endpoints,
      `v1/${bucket}/`,
      (key) => key.endsWith(`/${id}`),
      environment,
    );
  const folder = join(discovery.folder, 'v1', bucket);
  const names = await readdir(folder);
  // Names are percent-encoded.
  const own = names.filter((name) => name.toLowerCase().endsWith(`%2f${id}`));
  await Promise.all(own.map(async (name) => await rm(join(folder, name), { force: true })));
}

async function untilUnknown({ http }: ServingPlan, id: string, until: AbortSignal): Promise<void> {
  const decimal = BigInt(`0x${id}`).toString();
  const deadline = performance.now() + noticedWithinMs;
  while (performance.now() < deadline) {
    const { body } = await exchange(`${http.url}/health`, { timeoutMs: answerMs });
    if (!body.includes(decimal)) return;
    await systemClock.sleep(lookEveryMs, until);
  }
}
