/** What a sequence can see and break, by /proc and files alone: no code of the product. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from '../e2e/harness/world.ts';
import { markVariable } from '../oracle/leftovers.ts';
import { until } from '../support/until.ts';
import { environmentOf, livingProcesses, type SeenProcess } from '../oracle/proc.ts';

/** Processes of runs, children and escaped ones included: all that carry the name of a process of a plan. */
export function processesOfRuns(world: World): SeenProcess[] {
  return marked(world).filter(({ pid }) => environmentOf(pid).has('DYNAMO_PROCESS'));
}

/**
 * Main processes of components, which lead a session; those that escaped lead one as well, but are no sim. A shell that
 * still waits to become one is not yet in a ledger, and ends by itself when its supervisor is killed.
 */
export function leaders(world: World): number[] {
  const found = processesOfRuns(world).filter(
    ({ pid, session, command }) => pid === session && /^\S*node \S*sim\.js/.test(command),
  );
  return found.map(({ pid }) => pid);
}

/** Also those that have become reapers. */
export function keepers(world: World): SeenProcess[] {
  return marked(world).filter(({ command }) => /dynamo-keeper| reap --supervisor /.test(command));
}

/**
 * Living supervisors, by their command lines: what their runs wrote down may be damaged. A child that a supervisor has
 * just forked bears its command line, too, until it is the program that it shall be: it is none.
 */
export function supervisors(world: World): number[] {
  const found = marked(world).filter(
    ({ command }) =>
      / supervise (-- )?\S+/.test(command) || (/dynamo\.js up /.test(command) && !/ --detach/.test(command)),
  );
  const pids = new Set(found.map(({ pid }) => pid));
  return found.filter(({ parent }) => !pids.has(parent)).map(({ pid }) => pid);
}

/** As a power cut would: nobody is left who knows the run; its processes live on. */
export async function killSupervision(world: World): Promise<void> {
  // Stopped first: it would start another keeper at once.
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

/** Ends a process that may be gone already. */
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
