/** Connects to what the environment asks for: files or etcd for discovery, NATS for KV events. */
import type { Discovery } from './discovery.ts';
import type { SimEnvironment } from './environment.ts';
import { etcdDiscovery } from './etcd-discovery.ts';
import { etcdSettings } from './etcd-gateway.ts';
import { fileDiscovery } from './file-discovery.ts';
import { connectNats, type Nats } from './nats-connection.ts';
import { variables } from './variables.ts';

interface Planes {
  readonly discovery: Discovery;
  /** Only if KV events go through NATS. */
  readonly nats: Nats | undefined;
}

/**
 * Undefined if the process is asked to stop first; throws with upstream's message when it takes too long. Losing the etcd
 * lease ends the process as a signal does; losing NATS does not.
 */
export async function openPlanes(
  environment: SimEnvironment,
  stopping: AbortController,
): Promise<Planes | undefined> {
  const discovery = await openDiscovery(environment, stopping);
  if (discovery === undefined || environment.events !== 'nats') {
    return discovery && { discovery, nats: undefined };
  }
  try {
    const nats = await connectNats(stopping.signal);
    if (nats !== undefined) return { discovery, nats };
  } catch (error) {
    await discovery.close();
    throw error;
  }
  await discovery.close();
  return undefined;
}

async function openDiscovery(
  environment: SimEnvironment,
  stopping: AbortController,
): Promise<Discovery | undefined> {
  if (environment.discovery === 'file') return fileDiscovery(environment.discoveryFolder);
  return etcdDiscovery(etcdSettings(variables), stopping.signal, () => stopping.abort());
}
