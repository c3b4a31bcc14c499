/** Opens what the environment asks for: files or etcd to find each other, NATS for KV events. */
import type { Discovery } from './discovery.ts';
import type { SimEnvironment } from './environment.ts';
import { etcdDiscovery } from './etcd-discovery.ts';
import { etcdSettings } from './etcd-settings.ts';
import { fileDiscovery } from './file-discovery.ts';
import { connectNats, type Nats } from './nats-connection.ts';

export interface Planes {
  readonly discovery: Discovery;
  /** Only where KV events go through it. */
  readonly nats: Nats | undefined;
}

/**
 * Undefined when the process was told to stop before all was there; throws in upstream's words when it takes too long.
 * Losing etcd for good ends the process as a signal does, losing NATS does not.
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
  return etcdDiscovery(etcdSettings(process.env), stopping.signal, () => stopping.abort());
}
