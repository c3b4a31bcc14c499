/** Registers a worker in discovery: its card, its endpoints, and where its KV events are. */
import type { Discovery } from './discovery.ts';
import { instanceJson, instanceKey, type Card } from './instance.ts';
import type { Channel } from './kv-events.ts';
import { log } from './log.ts';
import type { Place } from './worker-flags.ts';

/** Without a channel it publishes no KV events. Returns the names of the endpoints. */
export async function register(
  discovery: Discovery,
  [namespace, component, endpoint]: Place,
  card: Card,
  tcp: string,
  channel: Channel | undefined,
): Promise<string[]> {
  const number = discovery.id;
  const [id, hex] = [String(number), number.toString(16)];
  // 1.6.1 registers a second endpoint beside `generate` where KV events are published.
  const endpoints = channel ? [endpoint, `worker_kv_query_source_${hex}`] : [endpoint];
  await discovery.publish('mdc', instanceKey(namespace, component, endpoint, number), JSON.stringify(card));
  for (const name of endpoints) {
    const text = instanceJson({ namespace, component, endpoint: name, id, tcp });
    await discovery.publish('instances', instanceKey(namespace, component, name, number), text);
  }
  if (channel) {
    // The topic keys of 1.6.1; docs/upstream/discovery.md#keys.
    const key = `namespace/${namespace}/component/${component}/endpoint/${endpoint}/topic/kv-events/${hex}`;
    await discovery.publish('event_channels', key, JSON.stringify(channel));
  }
  const text = `Registered endpoint '${namespace}.${component}.${endpoint}'`;
  log('INFO', 'sim::worker', text, { tcp, instance_id: id });
  return endpoints;
}
