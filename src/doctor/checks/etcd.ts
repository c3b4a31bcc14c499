/** D08: etcd answers where the plan or the environment says that it is. */
import { messageOf } from '../../base/error-code.ts';
import { roomCommand } from '../../plan/etcd-space.ts';
import { type Check, fail, type Finding, ok, skip } from '../check.ts';
import { endpointsOf, etcdUrls } from '../endpoints.ts';
import type { HostView } from '../host-view.ts';

const fix = 'etcd --data-dir "$(mktemp -d)"   # or do without: --discovery file';

export const etcd: Check = {
  id: 'D08',
  name: 'etcd',
  title: 'etcd answers, where it is needed',
  severity: 'fail',
  look: async (host) => {
    const { addresses, because } = endpointsOf('etcd', host);
    if (addresses.length === 0) return skip(because);
    const use = host.subject?.plan?.infra?.etcd;
    // The plan asked it with the certificates that it wants; this look has none.
    if (use?.from === 'external' && addresses.some((each) => each.startsWith('https:'))) {
      return ok(`etcd ${use.version} on ${addresses.join(',')} answered over TLS when the plan was made`);
    }
    const answers = await Promise.all(etcdUrls(addresses).map(async (url) => await ask(host, url)));
    return answers.find(({ status }) => status === 'fail') ?? answers[0] ?? skip(because);
  },
};

async function ask({ network }: HostView, url: string): Promise<Finding> {
  try {
    const health = await network.request(`${url}/health`);
    const version = await network.request(`${url}/version`);
    if (!/"etcdserver"/.test(version.body)) {
      return fail(`${url} answers ${health.status}, but is not etcd`, `is it the etcd of Kubernetes? ${fix}`);
    }
    if (!/"health"\s*:\s*"?true/.test(health.body)) {
      if (await isFull(network, url)) {
        return fail(`etcd on ${url} is full (alarm NOSPACE): it takes nothing new`, roomCommand(url));
      }
      return fail(`etcd on ${url} says ${health.body.trim().slice(0, 120)}`, fix);
    }
    const name = /"etcdserver"\s*:\s*"([^"]*)"/.exec(version.body)?.[1] ?? '';
    return ok(`etcd ${name} on ${url} is healthy`);
  } catch (error) {
    return fail(`nothing usable answers on ${url}: ${messageOf(error)}`, fix);
  }
}

async function isFull(network: HostView['network'], url: string): Promise<boolean> {
  const call = { method: 'POST', body: JSON.stringify({ action: 'GET' }) } as const;
  const alarms = await network.request(`${url}/v3/maintenance/alarm`, call);
  return alarms.body.includes('"NOSPACE"');
}
