/** Checks D31 to D35: what the hosts of one deployment must have in common, and whether they reach each other. */
import { messageOf } from '../../base/error-code.ts';
import type { HostRecord, RecordedPort } from '../../plan/host-record.ts';
import { dials } from '../../plan/hosts-plan.ts';
import { meetingPoint } from '../../engine/targets.ts';
import type { HostShare, ServingPlan, WorkersPlan } from '../../plan/plan.ts';
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import type { HostView } from '../host-view.ts';
import { configDigest } from '../model-files.ts';
import { etcdUrls } from './etcd-and-nats.ts';

type SharedPlan = (ServingPlan | WorkersPlan) & { readonly share: HostShare };

interface Hosts {
  readonly plan: SharedPlan;
  readonly others: readonly HostRecord[];
}

/** The other hosts, or why there is nothing to compare with. */
async function otherHosts(host: HostView): Promise<Hosts | Finding> {
  const plan = sharedPlan(host);
  if (plan === undefined) return skip('the deployment is on one host');
  if (plan.infra?.etcd?.from !== 'external') {
    return skip('this plan starts etcd: run this while it is up, with --join of that etcd');
  }
  const records = await host.hostRecords().catch((error: unknown) => messageOf(error));
  if (typeof records === 'string') return skip(`etcd could not be asked: ${records}`);
  const others = records.filter(({ address }) => address !== plan.share.address);
  return others.length === 0 ? skip('no other host of this deployment is up yet') : { plan, others };
}

function sharedPlan({ subject }: HostView): SharedPlan | undefined {
  const { plan } = subject ?? {};
  return plan?.share === undefined ? undefined : { ...plan, share: plan.share };
}

function isFinding(seen: Hosts | Finding): seen is Finding {
  return 'status' in seen;
}

/** Of answers: a frontend may not listen for them before its first request, and the host was reached. */
const refused = 'ECONNREFUSED';

/** D31: this host reaches the ports of the others that its processes connect to. */
export const hostsReach: Check = {
  id: 'D31',
  name: 'hosts-reach',
  title: 'the ports of other hosts can be reached from here',
  severity: 'fail',
  look: async (host) => {
    const seen = await otherHosts(host);
    if (isFinding(seen)) return seen;
    const wanted = seen.others.flatMap((other) =>
      other.ports.filter((port) => connects(seen.plan, other, port)).map((port) => ({ other, ...port })),
    );
    const tried = await Promise.all(
      wanted.map(async (one) => ({ ...one, why: await host.network.connect(one.other.address, one.port) })),
    );
    const closed = tried.filter(({ by, why }) => why !== undefined && !(by === 'worker' && why === refused));
    const [first] = closed;
    if (first === undefined) {
      const places = seen.others.map(({ address }) => address).join(', ');
      return ok(
        `${wanted.length === 0 ? 'nothing here connects to' : `${wanted.length} ports of`} ${places}${wanted.length === 0 ? '' : ' answer'}`,
      );
    }
    const words = ({ other, process, port, what, why }: (typeof closed)[number]): string =>
      `${other.address}:${port} (${what}, of ${process}): ${why}`;
    return fail(
      words(first),
      first.why === refused
        ? `dynamo ps   # on ${first.other.address}: is ${first.process} up? A firewall may refuse, too`
        : `open port ${first.port} of ${first.other.address} for ${seen.plan.share.address} in the firewall`,
      closed.map(words),
    );
  },
};

/** Ranks that have met need their port no more. */
function connects({ processes }: SharedPlan, other: HostRecord, { by }: RecordedPort): boolean {
  if (by !== 'rank') return dials(processes, by);
  const mine = processes.find(({ rank }) => rank !== undefined)?.rank;
  return mine !== undefined && other.rank?.meet === meetingPoint(mine) && other.rank.state !== 'ready';
}

/** Differences below this are those of the answer's own way, and of a header that counts whole seconds. */
const clockToleranceMs = 2_000;

/** D32: times in logs and traces of several hosts can be compared, and certificates are valid on all. */
export const hostsClock: Check = {
  id: 'D32',
  name: 'hosts-clock',
  title: 'the clock of this host agrees with that of the host of etcd',
  severity: 'warn',
  look: async (host) => {
    const plan = sharedPlan(host);
    if (plan === undefined) return skip('the deployment is on one host');
    const [url] = plan.infra?.etcd?.from === 'external' ? etcdUrls(plan.infra.etcd.addresses) : [];
    if (url === undefined) return skip('this plan starts etcd: run this on the other hosts');
    if (url.startsWith('https:')) return skip(`${url} is asked over TLS only by processes of the plan`);
    const before = host.clock.now();
    const reply = await host.network.request(`${url}/version`);
    const after = host.clock.now();
    const there = Date.parse(reply.header('date') ?? '');
    if (Number.isNaN(there)) return skip(`${url} does not say what time it is`);
    // The header has no fraction, so the time there is up to a second later.
    const aheadMs = Math.max(before - (there + 1_000), Math.min(0, after - there));
    const place = new URL(url).host;
    if (Math.abs(aheadMs) <= clockToleranceMs) return ok(`within ${clockToleranceMs / 1_000} s of ${place}`);
    const seconds = Math.round(Math.abs(aheadMs) / 1_000);
    return warn(
      `the clock of this host is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} that of ${place}`,
      'timedatectl set-ntp true   # on both hosts',
    );
  },
};

/** D33: workers of different versions find each other, and fail on a request. Source: docs/upstream/versions.md. */
export const hostsVersion: Check = {
  id: 'D33',
  name: 'hosts-version',
  title: 'all hosts have the same versions of Dynamo and of the engine',
  severity: 'fail',
  look: async (host) => {
    const seen = await otherHosts(host);
    if (isFinding(seen)) return seen;
    const mine = versionText(seen.plan.engine, seen.plan.share.versions);
    const odd = seen.others.find(({ engine, versions }) => versionText(engine, versions) !== mine);
    if (odd === undefined) return ok(`${mine} on all hosts`);
    const { dynamo } = odd.versions;
    return fail(
      `${mine} here, ${versionText(odd.engine, odd.versions)} on ${odd.address}`,
      odd.engine === seen.plan.engine && dynamo !== undefined
        ? `dynamo setup --engine ${odd.engine} --version ${dynamo}`
        : `--engine ${odd.engine}`,
    );
  },
};

function versionText(engine: string, { dynamo, backend }: HostShare['versions']): string {
  return [engine, dynamo === undefined ? '' : `Dynamo ${dynamo}`, backend ?? ''].filter(Boolean).join(' ');
}

/** D34: a request is answered by whichever worker gets it. */
export const hostsModel: Check = {
  id: 'D34',
  name: 'hosts-model',
  title: 'all hosts have the same model',
  severity: 'fail',
  look: async (host) => {
    const seen = await otherHosts(host);
    if (isFinding(seen)) return seen;
    const { path, servedName } = seen.plan.model;
    const named = seen.others.find(({ model }) => model.name !== servedName);
    if (named !== undefined) {
      const { address, model } = named;
      return fail(`${servedName} here, ${model.name} on ${address}`, `--model ${model.name}`);
    }
    const mine = await configDigest(host, path);
    const known = seen.others.filter(({ model }) => model.config !== undefined);
    if (mine === undefined) return ok(`${servedName} on all hosts; its files are not on this one yet`);
    const differs = known.find(({ model }) => model.config !== mine);
    if (differs === undefined) {
      const places = known.map(({ address }) => address).join(', ') || 'no other host has its files yet';
      return ok(`${servedName} on all hosts, config.json ${mine} as on ${places}`);
    }
    return fail(
      `the config.json of ${servedName} is ${mine} here, and ${differs.model.config} on ${differs.address}`,
      `sha256sum ${path.startsWith('/') ? `${path}/config.json` : 'config.json'}   # on both; copy the right model to the other`,
    );
  },
};

const interfaceVariables = ['NCCL_SOCKET_IFNAME', 'GLOO_SOCKET_IFNAME'] as const;

/** D35: NCCL and Gloo use the interface that the other hosts reach. */
export const hostsInterface: Check = {
  id: 'D35',
  name: 'hosts-interface',
  title: 'NCCL and Gloo use the interface of the address that other hosts reach',
  severity: 'warn',
  look: async (host) => {
    const plan = sharedPlan(host);
    if (plan === undefined) return skip('the deployment is on one host');
    const { address, interface: carrier } = plan.share;
    const users = plan.processes.filter(({ env }) => interfaceVariables.some((name) => name in env));
    if (users.length === 0) return skip(`engine ${plan.engine} uses neither NCCL nor Gloo`);
    for (const { name, env } of users) {
      const odd = interfaceVariables.find((each) => !takes(env[each], carrier));
      if (odd === undefined) continue;
      return warn(
        `${odd}=${env[odd] ?? ''} of ${name} leaves out ${carrier}, which has ${address}`,
        `--env ${odd}=${carrier}   # or leave the variable to the plan`,
      );
    }
    return ok(`${carrier}, which has ${address}${await byDefault(host, carrier)}`);
  },
};

/**
 * Names by prefix, separated by commas; `=eth0` is exact, and `^docker` leaves out. Source: NCCL's documentation of
 * NCCL_SOCKET_IFNAME.
 */
function takes(text: string | undefined, carrier: string): boolean {
  if (text === undefined || text === '') return false;
  const excludes = text.startsWith('^');
  const names = text.replace(/^[\^=]{1,2}/, '').split(',');
  const exact = /^\^?=/.test(text);
  const named = names.some((name) => (exact ? carrier === name : carrier.startsWith(name)));
  return excludes ? !named : named;
}

/** Where it matters that the plan says it: Gloo takes the address of the host's name, which is often on loopback. */
async function byDefault(host: HostView, carrier: string): Promise<string> {
  const name = (await host.run('hostname', []))?.stdout.trim();
  const found = name === undefined ? undefined : await host.run('getent', ['ahosts', name]);
  const first = /^(\S+)/.exec(found?.stdout ?? '')?.[1];
  if (first === undefined || !/^127\.|^::1$|^172\.17\./.test(first)) return '';
  return `; without ${carrier} in the plan, Gloo would take ${first}, the address of ${name}`;
}
