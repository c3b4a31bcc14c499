/** Takes a worker that has died out of discovery: frontends before 1.6 send it requests until its lease ends, 10 s and more. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import type { Discovery } from '../engine/engine.ts';
import { valuesBelow } from '../infra/external-etcd.ts';
import { isServing, type Plan } from '../plan/plan.ts';
import { listeningPorts } from '../process/ports.ts';
import { removeKeys } from './leave-discovery.ts';

/**
 * Removes the instances of the endpoint of `process` that nothing listens for on this host any more, with their cards. Those of
 * other hosts, and those behind NATS, cannot be judged from here and stay. Never rejects: then their leases end.
 */
export async function forgetDead(plan: Plan, process: string, environment: Environment): Promise<void> {
  const spec = plan.processes.find(({ name }) => name === process);
  // A container may have a network of its own.
  if (spec?.registersAs === undefined || spec.container !== undefined) return;
  if (!isServing(plan) || plan.share !== undefined) return;
  const { namespace, component, endpoint } = spec.registersAs;
  const prefix = `v1/instances/${namespace}/${component}/${endpoint}/`;
  try {
    const instances = await instancesBelow(plan.discovery, prefix, environment);
    const listening = listeningPorts();
    const dead = [...instances].flatMap(([key, value]) => {
      const port = localPort(value);
      return port === undefined || listening.has(port) ? [] : [key.slice(prefix.length)];
    });
    for (const id of dead)
      for (const bucket of ['mdc', 'instances'] as const)
        await removeKeys(plan.discovery, bucket, id, environment);
  } catch {
    // They go when their leases end.
  }
}

/** Where it takes requests; `undefined` unless that is a TCP port of this host's loopback interface. */
function localPort(value: string): number | undefined {
  const [, port] = /"tcp":\s*"127\.0\.0\.1:(\d+)[/"]/.exec(value) ?? [];
  return port === undefined ? undefined : Number(port);
}

/** By key, as in `v1/instances/NAMESPACE/COMPONENT/ENDPOINT/ID`. Source: docs/upstream/discovery.md#keys. */
async function instancesBelow(
  discovery: Discovery,
  prefix: string,
  environment: Environment,
): Promise<ReadonlyMap<string, string>> {
  if (discovery.backend === 'etcd') return await valuesBelow(discovery.endpoints, prefix, environment);
  const folder = join(discovery.folder, 'v1', 'instances');
  const found = new Map<string, string>();
  for (const name of await readdir(folder)) {
    // Names are percent-encoded.
    const key = `v1/instances/${decodeURIComponent(name)}`;
    // One that leaves by itself meanwhile is none of ours.
    const value =
      key.startsWith(prefix) && (await readFile(join(folder, name), 'utf8').catch(() => undefined));
    if (value) found.set(key, value);
  }
  return found;
}
