/** Checks D08 to D11: etcd and NATS, where the plan or the environment expects them. */
import { countText } from '../../base/units.ts';
import { join, resolve } from 'node:path';
import { messageOf } from '../../base/error-code.ts';
import { roomCommand } from '../../plan/infra-programs.ts';
import type { InfraName } from '../../plan/infra.ts';
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import type { FileFacts, HostView } from '../host-view.ts';
import { type FileLock, readLocks, readProcesses } from '../proc-files.ts';

export interface Endpoints {
  /** Empty when there is no server to check; then `because` says why. */
  readonly addresses: readonly string[];
  readonly because: string;
}

const titles: Readonly<Record<InfraName, string>> = { etcd: 'etcd', nats: 'NATS' };
const variables: Readonly<Record<InfraName, string>> = { etcd: 'ETCD_ENDPOINTS', nats: 'NATS_SERVER' };

/** What the plan starts itself cannot answer yet. */
export function endpointsOf(
  name: InfraName,
  { environment, subject }: Pick<HostView, 'environment' | 'subject'>,
): Endpoints {
  const plan = subject?.plan;
  if (plan === undefined) {
    const value = environment[variables[name]];
    const because = `${titles[name]} is not used: ${variables[name]} is not set`;
    return { addresses: value ? list(value) : [], because };
  }
  const use = plan.infra?.[name];
  if (use === undefined) {
    const planes = `discovery is ${plan.discovery.backend}, events are ${plan.events}`;
    return { addresses: [], because: `${planes}: ${titles[name]} is not needed` };
  }
  if (use.from === 'process' || use.from === 'docker') {
    const place = use.from === 'process' ? use.path : `a container of ${use.image}`;
    return { addresses: [], because: `the plan starts its own ${titles[name]}: ${place}, ${use.version}` };
  }
  return { addresses: use.addresses, because: '' };
}

/** Addresses of etcd as URLs without a path. */
export function etcdUrls(addresses: readonly string[]): string[] {
  return addresses.map((each) => (each.includes('://') ? each : `http://${each}`).replace(/\/+$/, ''));
}

/** Host and port of a NATS address such as `nats://127.0.0.1:4222`. */
export function natsAddress(address: string): { readonly host: string; readonly port: number } {
  const url = new URL(address.includes('://') ? address : `nats://${address}`);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 4222) };
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);
}

const etcdFix = 'etcd --data-dir "$(mktemp -d)"   # or avoid etcd: --discovery file';

/** D08: etcd answers where the plan or the environment says that it is. */
export const etcd: Check = {
  id: 'D08',
  name: 'etcd',
  title: 'etcd answers, where it is needed',
  severity: 'fail',
  look: async (host) => {
    const { addresses, because } = endpointsOf('etcd', host);
    if (addresses.length === 0) return skip(because);
    const use = host.subject?.plan?.infra?.etcd;
    // Planning checked it with the required certificates; this check has none.
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
      return fail(
        `${url} answers ${health.status}, but is not etcd`,
        `is it the etcd of Kubernetes? ${etcdFix}`,
      );
    }
    if (!/"health"\s*:\s*"?true/.test(health.body)) {
      if (await isFull(network, url)) {
        return fail(`etcd on ${url} is full (alarm NOSPACE): it accepts no writes`, roomCommand(url));
      }
      return fail(`etcd on ${url} says ${health.body.trim().slice(0, 120)}`, etcdFix);
    }
    const name = /"etcdserver"\s*:\s*"([^"]*)"/.exec(version.body)?.[1] ?? '';
    return ok(`etcd ${name} on ${url} is healthy`);
  } catch (error) {
    return fail(`no usable server answers on ${url}: ${messageOf(error)}`, etcdFix);
  }
}

async function isFull(network: HostView['network'], url: string): Promise<boolean> {
  const call = { method: 'POST', body: JSON.stringify({ action: 'GET' }) } as const;
  const alarms = await network.request(`${url}/v3/maintenance/alarm`, call);
  return alarms.body.includes('"NOSPACE"');
}

/** D09: keys without a lease outlive their processes forever. */
export const etcdStale: Check = {
  id: 'D09',
  name: 'etcd-stale',
  title: 'etcd has no key of a dead deployment',
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
    const plan = host.subject?.plan;
    const namespace = plan?.namespace;
    const mine = keys.filter(({ name }) => namespace === undefined || name.includes(`/${namespace}/`));
    const stale = mine.filter(({ leased }) => !leased).map(({ name }) => name);
    if (stale.length === 0) return ok(`${countText(mine.length, 'key')} under v1/, all with a lease`);
    return warn(
      `${countText(stale.length, 'key')} without a lease, which never expire: ${stale.slice(0, 3).join(', ')}`,
      `etcdctl --endpoints ${url} del --prefix ${stale[0]}   # or use your own namespace: --set namespace=…`,
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

/** D10: a second etcd on the same data folder waits forever and says so only in its log. */
export const etcdLock: Check = {
  id: 'D10',
  name: 'etcd-lock',
  title: 'no etcd waits for the data folder of another',
  severity: 'fail',
  look: async (host) => {
    const locks = await readLocks(host);
    const etcds = (await readProcesses(host)).filter(({ comm }) => comm === 'etcd');
    for (const { pid } of etcds) {
      const holder = await waitsFor(host, pid, locks);
      if (holder === undefined) continue;
      return fail(
        `etcd pid ${pid} waits for the data folder that pid ${holder} has locked, and never starts`,
        `kill ${pid}   # then start it with another --data-dir`,
      );
    }
    return await checkFolders(host, locks);
  },
};

/**
 * Who has locked a file that this etcd has open and not locked. etcd polls for the lock, so the
 * kernel lists no waiting process (seen with etcd 3.4.23).
 */
async function waitsFor(
  { files }: HostView,
  pid: number,
  locks: readonly FileLock[],
): Promise<number | undefined> {
  // Those of other users cannot be seen.
  const descriptors = await files.list(`/proc/${pid}/fd`).catch(() => []);
  for (const descriptor of descriptors) {
    const file = await files.stat(`/proc/${pid}/fd/${descriptor}`);
    const held = file === undefined ? [] : locks.filter((lock) => isOn(lock, file));
    if (held.length > 0 && held.every((lock) => lock.pid !== pid)) return held[0]?.pid;
  }
  return undefined;
}

function isOn(lock: FileLock, file: FileFacts): boolean {
  return lock.inode === file.inode && lock.device === file.device;
}

async function checkFolders(host: HostView, locks: readonly FileLock[]): Promise<Finding> {
  const named = host.environment['ETCD_DATA_DIR'];
  // etcd's default.
  const folders = [...(named ? [named] : []), 'default.etcd'].map((folder) => resolve(host.cwd, folder));
  const seen: string[] = [];
  for (const folder of folders) {
    const database = await host.files.stat(join(folder, 'member', 'snap', 'db'));
    if (database === undefined) continue;
    const holder = locks.find((lock) => isOn(lock, database));
    seen.push(`${folder} is ${holder === undefined ? 'free' : `in use by pid ${holder.pid}`}`);
    if (holder === undefined || (await someEtcdAnswers(host))) continue;
    return fail(
      `${folder} is in use by pid ${holder.pid}, which does not answer: a second etcd there would wait forever`,
      `kill ${holder.pid}   # or start etcd with another --data-dir`,
    );
  }
  if (seen.length > 0) return ok(seen.join(', '));
  return skip('no etcd waits for a lock, and there is no data folder here (ETCD_DATA_DIR, ./default.etcd)');
}

async function someEtcdAnswers(host: HostView): Promise<boolean> {
  const { addresses } = endpointsOf('etcd', host);
  const asked = etcdUrls(addresses.length > 0 ? addresses : ['127.0.0.1:2379']);
  const answers = await Promise.all(
    asked.map((url) => host.network.request(`${url}/health`).catch(() => undefined)),
  );
  return answers.some((answer) => answer?.status === 200);
}

/** NATS's own default. */
const smallestPayload = 1024 * 1024;

/** D11: NATS answers, with JetStream and with messages that are large enough. */
export const nats: Check = {
  id: 'D11',
  name: 'nats',
  title: 'NATS answers with JetStream, where it is needed',
  severity: 'fail',
  look: async (host) => {
    const { addresses, because } = endpointsOf('nats', host);
    if (addresses[0] === undefined) return skip(because);
    const server = natsAddress(addresses[0]);
    const where = `${server.host}:${server.port}`;
    let line: string;
    try {
      line = await host.network.firstLine(server.host, server.port);
    } catch (error) {
      return fail(`no usable server answers on ${where}: ${messageOf(error)}`, 'nats-server -js');
    }
    if (!line.startsWith('INFO ')) {
      return fail(
        `${where} is not NATS: it says ${JSON.stringify(line.slice(0, 60))}`,
        'nats-server -js -p 4222',
      );
    }
    const info = JSON.parse(line.slice(5)) as {
      version?: string;
      jetstream?: boolean;
      max_payload?: number;
    };
    // The health page also answers 200 without JetStream: only the banner is reliable.
    if (info.jetstream !== true) {
      return warn(
        `NATS ${info.version} on ${where} has JetStream turned off`,
        `nats-server -js -p ${server.port}`,
      );
    }
    if ((info.max_payload ?? smallestPayload) < smallestPayload) {
      return warn(
        `NATS ${info.version} on ${where} accepts messages only up to ${info.max_payload} bytes`,
        'max_payload: 1MB   # in the configuration of nats-server',
      );
    }
    return ok(`NATS ${info.version} on ${where}, JetStream on`);
  },
};
