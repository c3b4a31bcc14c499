/** What a chaos sequence can observe and break, through /proc and files only, without code from src. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from '../e2e/harness/world.ts';
import { markVariable } from '../oracle/leftovers.ts';
import { until } from '../support/until.ts';
import { environmentOf, livingProcesses, type SeenProcess } from '../oracle/proc.ts';

/** Processes of runs, including children and escaped ones: all with the name of a planned process. */
export function processesOfRuns(world: World): SeenProcess[] {
  return marked(world).filter(({ pid }) => environmentOf(pid).has('DYNAMO_PROCESS'));
}

/**
 * Main processes of components, which lead a session. Escaped children also lead one, but do not run sim. A shell that
 * still waits to become sim is not in a ledger yet, and exits by itself if its supervisor is killed.
 */
export function leaders(world: World): number[] {
  const found = processesOfRuns(world).filter(
    ({ pid, session, command }) => pid === session && /^\S*node \S*sim\.js/.test(command),
  );
  return found.map(({ pid }) => pid);
}

/** Includes keepers that have become reapers. */
export function keepers(world: World): SeenProcess[] {
  return marked(world).filter(({ command }) => /dynamo-keeper| reap --supervisor /.test(command));
}

/**
 * Living supervisors by their command lines, as records may be damaged. A child that a supervisor has just forked has
 * the same command line until it executes its own program, and does not count.
 */
export function supervisors(world: World): number[] {
  const found = marked(world).filter(
    ({ command }) =>
      / supervise (-- )?\S+/.test(command) || (/dynamo\.js up /.test(command) && !/ --detach/.test(command)),
  );
  const pids = new Set(found.map(({ pid }) => pid));
  return found.filter(({ parent }) => !pids.has(parent)).map(({ pid }) => pid);
}

/** Leaves the processes of a run without supervisor and keeper. */
export async function killSupervision(world: World): Promise<void> {
  // Suspended first: it would start another keeper at once.
  for (const pid of supervisors(world)) send(pid, 'SIGSTOP');
  for (const { pid } of keepers(world)) send(pid, 'SIGKILL');
  for (const pid of supervisors(world)) send(pid, 'SIGKILL');
  await until(
    'supervisor and keeper to be gone',
    () => supervisors(world).length + keepers(world).length === 0,
  );
}

/** Pids in all ledgers. */
export function ledgerPids(world: World): Set<number> {
  const lines = runFolders(world).flatMap((folder) => read(join(folder, 'ledger.jsonl')).split('\n'));
  return new Set(lines.filter(Boolean).map((line) => (JSON.parse(line) as { pid: number }).pid));
}

/** Signals a process that may be gone already. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone
  }
}

function marked(world: World): SeenProcess[] {
  return livingProcesses().filter(({ pid }) => environmentOf(pid).get(markVariable) === world.mark);
}

export function runFolders(world: World): string[] {
  const runs = join(world.state, 'dynamo', 'runs');
  try {
    return readdirSync(runs).map((name) => join(runs, name));
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
