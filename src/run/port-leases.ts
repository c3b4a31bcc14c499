/** Keeps the ports of a run from other runs between planning and listening, and for as long as the run lives. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { IsAlive } from '../base/identity.ts';
import type { Plan } from '../plan/plan.ts';
import { type Claim, claim, readClaim, unclaim } from './claim.ts';
import type { StateFolders } from './folders.ts';

export function portsOf(plan: Plan): number[] {
  return plan.processes.flatMap(({ ports }) => Object.values(ports));
}

/** Ports that living runs hold, each with the words for who holds it. */
export function leasedPorts(folders: StateFolders, isAlive: IsAlive): Map<number, string> {
  const leased = readdirSync(folders.ports).flatMap((name): [number, string][] => {
    const standing = /^\d+$/.test(name) ? readClaim(join(folders.ports, name)) : undefined;
    return standing !== undefined && isAlive(standing.holder)
      ? [[Number(name), `run ${standing.runId}`]]
      : [];
  });
  return new Map(leased);
}

/** Leases all ports or none. Returns the port that another run was faster to take, or `undefined` on success. */
export function leasePorts(
  folders: StateFolders,
  ports: readonly number[],
  mine: Claim,
  isAlive: IsAlive,
): number | undefined {
  for (const [i, port] of ports.entries()) {
    if (claim(join(folders.ports, String(port)), mine, isAlive) === undefined) continue;
    releasePorts(folders, ports.slice(0, i), mine, isAlive);
    return port;
  }
  return undefined;
}

/** `mine.holder` is who releases, of whatever process the leases are. */
export function releasePorts(
  folders: StateFolders,
  ports: readonly number[],
  mine: Claim,
  isAlive: IsAlive,
): void {
  for (const port of ports) unclaim(join(folders.ports, String(port)), mine, isAlive);
}
