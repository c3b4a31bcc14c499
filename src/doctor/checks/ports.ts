/** The planned ports: free, in range, and reachable where decode connects to prefill. */
import type { Plan, ProcessSpec } from '../../plan/plan.ts';
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import type { HostView, Subject } from '../host-view.ts';
import { prefillsOf, valueOf, valuesOf } from '../planned.ts';

const bootstrapFlag = '--disaggregation-bootstrap-port';

/** D05: prefill listens on the bootstrap port and decode connects to it: it must be free, unique and reachable. */
export const bootstrap: Check = {
  id: 'D05',
  name: 'bootstrap',
  title: 'decode can reach the bootstrap port of prefill',
  severity: 'fail',
  look: async (host) => {
    const { subject } = host;
    if (subject === undefined) return await checkLive(host);
    if (subject.plan === undefined) return skip('there is no valid plan');
    if (prefillsOf(subject.plan).length === 0) return skip(`${subject.profile.name} has no prefill worker`);
    return await checkPlan(host, subject.plan, subject);
  },
};

async function checkPlan(host: HostView, plan: Plan, { rawArgs }: Subject): Promise<Finding> {
  const prefills = prefillsOf(plan);
  if (valuesOf(rawArgs, bootstrapFlag).length > 0) {
    return fail(
      `${bootstrapFlag} was passed after --: every worker would get it, and it would override the planned port`,
      `remove ${bootstrapFlag}: dynamo gives each prefill worker its own port`,
    );
  }
  const ports = prefills.map((spec) => spec.ports.bootstrap ?? 0);
  if (new Set(ports).size < ports.length) {
    return fail(`two prefill workers have the same bootstrap port: ${ports.join(', ')}`, 'remove the ports');
  }
  for (const spec of prefills) {
    const found = (await portTrouble(host, spec)) ?? addressTrouble(spec);
    if (found !== undefined) return found;
  }
  return ok(
    prefills.map(({ name, ports: { bootstrap: port } }) => `${name} can listen on ${port}`).join(', '),
  );
}

async function portTrouble(host: HostView, { name, ports }: ProcessSpec): Promise<Finding | undefined> {
  const port = ports.bootstrap ?? 0;
  const reason = await host.network.bind('0.0.0.0', port);
  if (reason === undefined) return undefined;
  const holder = host.portHolder(port) ?? 'no listening process';
  return fail(
    `${name} must listen on ${port}, which cannot be bound (${reason}): in use by ${holder}`,
    'run it again: dynamo will plan another port',
  );
}

/**
 * Prefill registers SGLANG_HOST_IP and listens on --host: where the two differ, decode cannot connect, and answers come
 * with status 200 and without content.
 */
function addressTrouble({ name, argv, env }: ProcessSpec): Finding | undefined {
  const [advertised, listens] = [env['SGLANG_HOST_IP'], valueOf(argv, '--host')];
  if (advertised === undefined || listens === undefined || advertised === listens) return undefined;
  if (listens === '0.0.0.0' || listens === '::') return undefined;
  return fail(
    `${name} listens on ${listens} (--host) but tells decode to connect to ${advertised} (SGLANG_HOST_IP)`,
    `--env SGLANG_HOST_IP=${listens}`,
  );
}

async function checkLive(host: HostView): Promise<Finding> {
  const { runs } = await host.state();
  const live = runs.filter(({ state }) => state === 'live');
  const prefills = live.flatMap(({ runId, plan }) =>
    (plan === undefined ? [] : prefillsOf(plan)).map((spec) => ({ runId, spec })),
  );
  if (prefills.length === 0) return skip('no profile was named, and no run with a prefill worker is running');
  for (const { runId, spec } of prefills) {
    const port = spec.ports.bootstrap ?? 0;
    const address = spec.env['SGLANG_HOST_IP'] ?? '127.0.0.1';
    const reason = await host.network.connect(address, port);
    if (reason !== undefined) {
      return fail(
        `${runId}: ${spec.name} does not accept connections on ${address}:${port} (${reason}), which decode connects to`,
        `dynamo restart ${spec.name}   # dynamo logs ${spec.name} shows why`,
      );
    }
  }
  return ok(prefills.map(({ spec }) => `${spec.name} answers on ${spec.ports.bootstrap}`).join(', '));
}

/** Upstream's default HTTP port. */
const defaultPort = 8000;

/** D06: every planned port can be bound; names the process that uses one that cannot. */
export const ports: Check = {
  id: 'D06',
  name: 'ports',
  title: 'the planned ports are free',
  severity: 'fail',
  look: async (host) => {
    const preferred = host.subject?.preferredHttpPort ?? defaultPort;
    const insisted = host.subject?.insistsOnPort === true;
    const holder = host.portHolder(preferred);
    if (holder !== undefined) return await preferredIsTaken(host, preferred, holder, insisted);
    const planned = new Map(
      host.subject?.plan?.processes.flatMap((spec) =>
        Object.values(spec.ports).map((port): [number, string] => [port, spec.name]),
      ) ?? [[preferred, 'the frontend']],
    );
    for (const [port, process] of planned) {
      const reason = await unbindable(host, port);
      if (reason === undefined) continue;
      return fail(
        `${port}, planned for ${process}, cannot be bound: ${reason}${await holderText(host, port)}`,
        reason === 'EACCES' ? 'use a port above 1023: --http-port 8000' : 'run it again, or --http-port N',
      );
    }
    return ok(`${[...planned.keys()].join(', ')} can be bound`);
  },
};

async function preferredIsTaken(
  host: HostView,
  preferred: number,
  holder: string,
  insisted: boolean,
): Promise<Finding> {
  const { runs } = await host.state();
  const ours = runs.find(
    ({ state, plan }) =>
      state === 'live' &&
      plan?.processes.some((spec) => Object.values(spec.ports).includes(preferred)) === true,
  );
  const taken = host.subject?.plan?.http?.port;
  const left = runs.find(
    ({ state, living }) => state === 'dead' && living.some(({ pid }) => holder.startsWith(`pid ${pid} `)),
  );
  if (left !== undefined) {
    return warn(
      `${preferred} is in use by ${holder}, left by the dead run ${left.runId}`,
      'dynamo clean   # the next `dynamo up` also ends it',
    );
  }
  if (ours !== undefined && !insisted) {
    return ok(`${preferred} is served by ${ours.runId}; a second run takes the next free port`);
  }
  const seen = `${preferred} is in use by ${ours === undefined ? `${holder}, which is not a run of yours` : ours.runId}`;
  if (insisted) return fail(seen, `--http-port ${preferred + 1}, or stop it`);
  return warn(
    `${seen}; the frontend takes ${taken ?? 'the next free port'} instead`,
    `use dynamo up --http-port N for a port of your choice, or stop that process`,
  );
}

/** Both families are tried: with a listener on 127.0.0.1, `::1` can still be bound. */
async function unbindable({ network }: HostView, port: number): Promise<string | undefined> {
  const reason = await network.bind('0.0.0.0', port);
  if (reason !== undefined) return reason;
  const reason6 = await network.bind('::', port);
  // A host without IPv6 has no listener there.
  return reason6 === 'EAFNOSUPPORT' || reason6 === 'EADDRNOTAVAIL' ? undefined : reason6;
}

async function holderText(host: HostView, port: number): Promise<string> {
  const holder = host.portHolder(port);
  return holder === undefined ? '' : `, in use by ${holder}`;
}

/** Upstream reads it as a signed 16-bit number. Source: docs/upstream/status-and-health.md#port-numbers. */
const highestSystemPort = 32_767;

/** D07: workers that are started by hand inherit an exported DYN_SYSTEM_PORT, and all try to bind it. */
export const sysportEnv: Check = {
  id: 'D07',
  name: 'sysport-env',
  title: 'no status port is exported for all processes',
  severity: 'warn',
  look: ({ environment, subject }) => {
    const value = environment['DYN_SYSTEM_PORT'];
    if (value === undefined) return ok('DYN_SYSTEM_PORT is not set; dynamo gives each worker its own');
    const port = Number(value);
    const http = subject?.plan?.http?.port ?? subject?.preferredHttpPort ?? 8000;
    const trouble = !(Number.isInteger(port) && port > 0)
      ? ', which is not a port'
      : port > highestSystemPort
        ? `, which workers reject: it is above ${highestSystemPort}`
        : port === http
          ? ', which is also the HTTP port'
          : '';
    return warn(
      `DYN_SYSTEM_PORT=${value} is exported${trouble}; dynamo ignores it, but processes started by hand share it`,
      `unset DYN_SYSTEM_PORT   # dynamo sets one for each worker; valid is 1 to ${highestSystemPort}`,
    );
  },
};
