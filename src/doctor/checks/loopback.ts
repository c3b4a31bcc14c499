/** D26: loopback is up, and `localhost` leads to where the frontend listens. */
import { isServing } from '../../plan/plan.ts';
import { type Check, fail, ok, skip, warn } from '../check.ts';

/** Nearly never served; a refusal tells all the same that loopback is up. Source: RFC 863. */
const discardPort = 9;

export const loopback: Check = {
  id: 'D26',
  name: 'loopback',
  title: 'localhost reaches what listens on loopback',
  severity: 'fail',
  look: async (host) => {
    const unreachable = await host.network.connect('127.0.0.1', discardPort);
    if (unreachable !== undefined && unreachable !== 'ECONNREFUSED')
      return fail(`127.0.0.1 cannot be reached (${unreachable}): loopback is down`, 'ip link set lo up');
    const asked = await host.run('getent', ['ahosts', 'localhost']);
    if (asked === undefined) return skip('getent is not here');
    const addresses = [
      ...new Set([...asked.stdout.matchAll(/^(\S+)\s/gm)].map(([, address]) => address ?? '')),
    ];
    const odd = addresses.filter((address) => address !== '::1' && !address.startsWith('127.'));
    if (addresses.length === 0 || odd.length > 0) {
      return warn(
        addresses.length === 0
          ? 'localhost has no address'
          : `localhost is ${odd.join(', ')}, which is not this host`,
        'echo "127.0.0.1 localhost" | sudo tee -a /etc/hosts',
      );
    }
    const { runs } = await host.state();
    const live = runs.filter(({ state, plan }) => state === 'live' && plan !== undefined && isServing(plan));
    for (const { plan, runId } of live) {
      const port = plan?.http.port ?? 0;
      const first = addresses[0] ?? '';
      const reason = await host.network.connect(first, port);
      const reached = await host.network.connect('127.0.0.1', port);
      if (reason === undefined || reached !== undefined) continue;
      return warn(
        `${runId} listens on 127.0.0.1:${port}, and localhost is ${first} first (${reason})`,
        `use http://127.0.0.1:${port}`,
      );
    }
    return ok(`localhost is ${addresses.join(', ')}`);
  },
};
