/** Opens the discovery that the environment asks for. */
import type { Discovery } from './discovery.ts';
import type { SimEnvironment } from './environment.ts';
import { etcdDiscovery } from './etcd-discovery.ts';
import { etcdSettings } from './etcd-settings.ts';
import { fileDiscovery } from './file-discovery.ts';

/** Undefined when the process was told to stop before there was any. Losing it for good ends the process as a signal does. */
export async function openDiscovery(
  environment: SimEnvironment,
  stopping: AbortController,
): Promise<Discovery | undefined> {
  if (environment.discovery === 'file') return fileDiscovery(environment.discoveryFolder);
  return etcdDiscovery(etcdSettings(process.env), stopping.signal, () => stopping.abort());
}
