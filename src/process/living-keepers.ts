/** Finds running keepers in /proc: a keeper knows its run even if nothing on disk names it any more. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from '../base/environment.ts';
import type { Identity } from '../base/identity.ts';
import { bootId, isAlive } from './identity.ts';
import { keptLedger } from './keeper.ts';
import { readLedgerFrom } from './ledger.ts';
import { livingProcesses, type ProcessStat, readStat } from './proc.ts';

export interface LivingKeeper extends Identity {
  readonly runId: string;
  /** The supervisor that it watches. It ends the run as soon as this process is dead. */
  readonly supervisor: Identity;
  /** Says in which state folder it looks for the run. */
  readonly environment: Environment;
}

/** Both as a shell and as the program that the shell turns into. They end with the same words: those of `dynamo reap`. */
const commandPattern =
  /\0(?:dynamo-keeper|-|[^\0]*\/fd\/4)\0reap\0--supervisor\0(\d+)@(\d+)\0--ledger\0\d+\0--\0([^\0]+)\0$/;

/** Those that this user may see. Its words name the run and the supervisor; a keeper also leads a session, and is the younger one. */
export async function livingKeepers(
  living: readonly ProcessStat[] = livingProcesses(),
): Promise<LivingKeeper[]> {
  const leaders = living.filter(({ pid, session }) => pid === session);
  const found = await Promise.all(leaders.map(async (stat) => await keeperOf(stat)));
  return found.filter((each) => each !== undefined);
}

async function keeperOf({ pid, startTime }: ProcessStat): Promise<LivingKeeper | undefined> {
  const [, supervisorPid, supervisorStart = '', runId = ''] =
    commandPattern.exec(`\0${await commandText(pid)}`) ?? [];
  if (supervisorPid === undefined || Number(startTime) < Number(supervisorStart)) return undefined;
  const environment = environmentOf(pid);
  const keeper = { bootId: bootId(), pid, startTime };
  // The pid may have been given to another process since the look.
  if (environment === undefined || !isAlive(keeper)) return undefined;
  const supervisor = { bootId: bootId(), pid: Number(supervisorPid), startTime: supervisorStart };
  return { ...keeper, runId, supervisor, environment };
}

/** A process that is replacing its program, as the shell does, has no command line for a moment. */
const [attempts, pauseMs] = [20, 5];

async function commandText(pid: number): Promise<string> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const text = readText(`/proc/${pid}/cmdline`);
    // A zombie has none either.
    if (text !== '' || readStat(pid)?.state === 'Z') return text ?? '';
    await delay(pauseMs);
  }
  return '';
}

/** `undefined` for a process of another user. */
function environmentOf(pid: number): Environment | undefined {
  const text = readText(`/proc/${pid}/environ`);
  if (text === undefined) return undefined;
  const pairs = text.split('\0').map((entry): [string, string] => {
    const end = entry.indexOf('=');
    return [entry.slice(0, end), entry.slice(end + 1)];
  });
  return Object.fromEntries(pairs);
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Reads a ledger from now on from the keeper, which has it open, whatever was removed. Never throws: if the keeper has just
 * ended, it has done its work.
 */
export function readLedgerOf({ pid }: LivingKeeper, file: string): void {
  try {
    const descriptor = openSync(`/proc/${pid}/fd/${keptLedger}`, constants.O_RDONLY | constants.O_NONBLOCK);
    if (fstatSync(descriptor).isFile()) readLedgerFrom(file, descriptor);
    else closeSync(descriptor);
  } catch {
    // The run has no ledger that could be read.
  }
}
