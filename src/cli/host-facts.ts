/** Gathers what planning must know about this host. */
import { join } from 'node:path';
import { inventory } from '../gpu/inventory.ts';
import type { HostFacts } from '../plan/request.ts';
import { isAlive } from '../process/identity.ts';
import { holderOf, listeningPorts } from '../process/listeners.ts';
import { findPythonEnvironment } from '../python/find-environment.ts';
import type { StateFolders } from '../run/folders.ts';
import { leasedPorts } from '../run/port-leases.ts';
import { packageRoot } from './package-root.ts';

/** `wanted`: ports whose holder will be named to the user; finding that out costs a search through /proc each. */
export async function gatherFacts(
  folders: StateFolders,
  runId: string,
  wanted: readonly number[],
): Promise<HostFacts> {
  const { gpus, problem } = await inventory(process.env.PATH);
  return {
    ...placeFacts(),
    runId,
    runFolder: join(folders.runs, runId),
    busyPorts: busyPorts(folders, wanted),
    gpus,
    ...(problem === undefined ? {} : { gpuProblem: problem }),
    python: gpus.length > 0 ? findPythonEnvironment(process.env) : undefined,
  };
}

/** Facts that need no look at the host: enough to plan where nothing can be run. */
export function placeFacts(): Pick<HostFacts, 'environment' | 'cwd' | 'node' | 'simEntry'> {
  return {
    environment: process.env,
    cwd: process.cwd(),
    node: process.execPath,
    simEntry: join(packageRoot(), 'dist', 'sim.js'),
  };
}

function busyPorts(folders: StateFolders, wanted: readonly number[]): Map<number, string> {
  const listening = listeningPorts();
  const busy = new Map([...listening].map(([port]): [number, string] => [port, 'another process']));
  for (const port of wanted) {
    const inodes = listening.get(port);
    if (inodes !== undefined) busy.set(port, holderOf(inodes));
  }
  for (const [port, holder] of leasedPorts(folders, isAlive)) busy.set(port, holder);
  return busy;
}
