/** Keeps the ports of a run from other runs between planning and listening, and for as long as the run lives. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { IsAlive } from '../base/identity.ts';
import type { Plan } from '../plan/plan.ts';
import { type Claim, claim, holderText, obstacleIn, unclaim } from './claim.ts';
import type { StateFolders } from './folders.ts';

export function portLease({ ports }: StateFolders, port: number): string {
  return join(ports, String(port));
}

export function portsOf(plan: Plan): number[] {
  return plan.processes.flatMap(({ ports }) => Object.values(ports));
}

/** Ports that living runs hold, or that nobody can tell about, each with the words for who holds it. */
export function leasedPorts(folders: StateFolders, isAlive: IsAlive): Map<number, string> {
  const leased = leasesIn(folders).flatMap(({ port, file }): [number, string][] => {
    const standing = obstacleIn(file, isAlive);
    return standing === undefined ? [] : [[port, holderText(standing)]];
  });
  return new Map(leased);
}

function leasesIn({ ports }: StateFolders): { port: number; file: string }[] {
  return readdirSync(ports)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ port: Number(name), file: join(ports, name) }));
}

/** Leases all ports or none. Returns the port that another run was faster to take, or `undefined` on success. */
export function leasePorts(
  folders: StateFolders,
  ports: readonly number[],
  mine: Claim,
  isAlive: IsAlive,
): number | undefined {
  for (const [i, port] of ports.entries()) {
    if (claim(portLease(folders, port), mine, isAlive) === undefined) continue;
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
  for (const port of ports) unclaim(portLease(folders, port), mine, isAlive);
}

/** All of a run, also one whose plan cannot be read any more. */
export function releaseAllPorts(folders: StateFolders, mine: Claim, isAlive: IsAlive): void {
  for (const { file } of leasesIn(folders)) unclaim(file, mine, isAlive);
}
