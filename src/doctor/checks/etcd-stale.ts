/** D09: keys without a lease outlive their processes for ever. */
import { messageOf } from '../../base/error-code.ts';
import { type Check, ok, skip, warn } from '../check.ts';
import { endpointsOf, etcdUrls } from '../endpoints.ts';
import type { HostView } from '../host-view.ts';
import { countText } from '../sizes.ts';

export const etcdStale: Check = {
  id: 'D09',
  name: 'etcd-stale',
  title: 'etcd holds no key of a dead deployment',
  severity: 'warn',
  look: async (host) => {
    const { addresses, because } = endpointsOf('etcd', host);
    const [url] = etcdUrls(addresses);
    if (url === undefined) return skip(because);
    let keys: readonly Key[];
    try {
      keys = await keysUnder(host, url, 'v1/');
    } catch (error) {
      return skip(`${url} could not be asked: ${messageOf(error)}`);
    }
    const namespace = host.subject?.plan?.namespace;
    const mine = keys.filter(({ name }) => namespace === undefined || name.includes(`/${namespace}/`));
    const stale = mine.filter(({ leased }) => !leased).map(({ name }) => name);
    if (stale.length === 0) return ok(`${countText(mine.length, 'key')} under v1/, all with a lease`);
    return warn(
      `${countText(stale.length, 'key')} without a lease, which nobody takes away: ${stale.slice(0, 3).join(', ')}`,
      `etcdctl --endpoints ${url} del --prefix ${stale[0]}   # or take a namespace of your own: --set namespace=…`,
      stale,
    );
  },
};

interface Key {
  readonly name: string;
  readonly leased: boolean;
}

/** Source: etcd's JSON gateway; a key with a lease carries its id, one without has no such field. */
async function keysUnder({ network }: HostView, url: string, prefix: string): Promise<Key[]> {
  const end = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
  const body = JSON.stringify({
    key: base64(prefix),
    range_end: base64(end),
    keys_only: true,
    limit: 10_000,
  });
  const reply = await network.request(`${url}/v3/kv/range`, { method: 'POST', body });
  if (reply.status !== 200) throw new Error(`status ${reply.status}`);
  const { kvs = [] } = JSON.parse(reply.body) as {
    kvs?: readonly { readonly key: string; readonly lease?: string }[];
  };
  return kvs.map(({ key, lease }) => ({
    name: Buffer.from(key, 'base64').toString('utf8'),
    leased: lease !== undefined && lease !== '0',
  }));
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
