/** D05: prefill listens on the bootstrap port and decode dials it: it must be free, single and reachable. */
import { type Check, fail, type Finding, ok, skip } from '../check.ts';
import type { Plan, ProcessSpec } from '../../plan/plan.ts';
import type { HostView, Subject } from '../host-view.ts';
import { prefillsOf, valueOf, valuesOf } from '../planned.ts';

const flag = '--disaggregation-bootstrap-port';

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
  if (valuesOf(rawArgs, flag).length > 0) {
    return fail(
      `${flag} stands after --: it would go to every worker and win over the planned port`,
      `leave ${flag} out: dynamo gives each prefill worker a port of its own`,
    );
  }
  const ports = prefills.map((spec) => spec.ports.bootstrap ?? 0);
  if (new Set(ports).size < ports.length) {
    return fail(
      `two prefill workers have the same bootstrap port: ${ports.join(', ')}`,
      'leave the ports out',
    );
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
  const holder = host.portHolder(port) ?? 'nobody who listens';
  return fail(
    `${name} must listen on ${port}, which cannot be bound (${reason}): held by ${holder}`,
    'run it again: dynamo plans another port',
  );
}

/**
 * Prefill registers SGLANG_HOST_IP and listens on --host: where the two differ, decode dials nobody, and answers come
 * with status 200 and without content.
 */
function addressTrouble({ name, argv, env }: ProcessSpec): Finding | undefined {
  const [told, listens] = [env['SGLANG_HOST_IP'], valueOf(argv, '--host')];
  if (told === undefined || listens === undefined || told === listens) return undefined;
  if (listens === '0.0.0.0' || listens === '::') return undefined;
  return fail(
    `${name} listens on ${listens} (--host) and tells decode to dial ${told} (SGLANG_HOST_IP)`,
    `--env SGLANG_HOST_IP=${listens}`,
  );
}

async function checkLive(host: HostView): Promise<Finding> {
  const { runs } = await host.state();
  const live = runs.filter(({ state }) => state === 'live');
  const prefills = live.flatMap(({ runId, plan }) =>
    (plan === undefined ? [] : prefillsOf(plan)).map((spec) => ({ runId, spec })),
  );
  if (prefills.length === 0) return skip('no profile was named, and no run with a prefill worker is up');
  for (const { runId, spec } of prefills) {
    const port = spec.ports.bootstrap ?? 0;
    const address = spec.env['SGLANG_HOST_IP'] ?? '127.0.0.1';
    const reason = await host.network.connect(address, port);
    if (reason !== undefined) {
      return fail(
        `${runId}: ${spec.name} does not take connections on ${address}:${port} (${reason}), which decode dials`,
        `dynamo restart ${spec.name}   # dynamo logs ${spec.name} says why`,
      );
    }
  }
  return ok(prefills.map(({ spec }) => `${spec.name} answers on ${spec.ports.bootstrap}`).join(', '));
}
