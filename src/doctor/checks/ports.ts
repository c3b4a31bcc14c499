/** D06: every planned port can be bound, and who holds those that cannot. */
import { type Check, fail, type Finding, ok, warn } from '../check.ts';
import type { HostView } from '../host-view.ts';

/** Upstream's default HTTP port. */
const defaultPort = 8000;

export const ports: Check = {
  id: 'D06',
  name: 'ports',
  title: 'the planned ports are free',
  severity: 'fail',
  look: async (host) => {
    const wished = host.subject?.wishedHttpPort ?? defaultPort;
    const insisted = host.subject?.insistsOnPort === true;
    const holder = host.portHolder(wished);
    if (holder !== undefined) return await wishedIsTaken(host, wished, holder, insisted);
    const planned = new Map(
      host.subject?.plan?.processes.flatMap((spec) =>
        Object.values(spec.ports).map((port): [number, string] => [port, spec.name]),
      ) ?? [[wished, 'the frontend']],
    );
    for (const [port, process] of planned) {
      const reason = await unbindable(host, port);
      if (reason === undefined) continue;
      return fail(
        `${port}, planned for ${process}, cannot be bound: ${reason}${await holderText(host, port)}`,
        reason === 'EACCES' ? `take a port above 1023: --http-port 8000` : 'run it again, or --http-port N',
      );
    }
    return ok(`${[...planned.keys()].join(', ')} can be bound`);
  },
};

async function wishedIsTaken(
  host: HostView,
  wished: number,
  holder: string,
  insisted: boolean,
): Promise<Finding> {
  const { runs } = await host.state();
  const ours = runs.find(({ state, plan }) => state === 'live' && plan?.http.port === wished);
  const taken = host.subject?.plan?.http.port;
  const left = runs.find(
    ({ state, living }) => state === 'dead' && living.some(({ pid }) => holder.startsWith(`pid ${pid} `)),
  );
  if (left !== undefined) {
    return warn(
      `${wished} is held by ${holder}, left of the dead run ${left.runId}`,
      'dynamo clean   # the next `dynamo up` ends it, too',
    );
  }
  if (ours !== undefined && !insisted) {
    return ok(`${wished} is served by ${ours.runId}; a second run takes the next free port`);
  }
  const seen = `${wished} is held by ${ours === undefined ? `${holder}, which is no run of yours` : ours.runId}`;
  if (insisted) return fail(seen, `--http-port ${wished + 1}, or stop it`);
  return warn(
    `${seen}; the frontend takes ${taken ?? 'the next free port'} instead`,
    `dynamo up --http-port N makes it a port of your choice; or stop it`,
  );
}

/** Only both families show: with a listener on 127.0.0.1, `::1` alone can still be bound. */
async function unbindable({ network }: HostView, port: number): Promise<string | undefined> {
  const reason = await network.bind('0.0.0.0', port);
  if (reason !== undefined) return reason;
  const reason6 = await network.bind('::', port);
  // A host without IPv6 has nobody there either.
  return reason6 === 'EAFNOSUPPORT' || reason6 === 'EADDRNOTAVAIL' ? undefined : reason6;
}

async function holderText(host: HostView, port: number): Promise<string> {
  const holder = host.portHolder(port);
  return holder === undefined ? '' : `, held by ${holder}`;
}
