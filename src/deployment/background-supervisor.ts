/** A supervisor in a background process: starts it, hands the run over to it, and waits until it listens. */
import { errorCode } from '../base/error-code.ts';
import { systemClock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import type { Identity } from '../base/identity.ts';
import { ownCommand } from '../package/self.ts';
import { packEnvironment } from '../plan/run-environment.ts';
import { spawnDetached } from '../process/spawn.ts';
import { identify, isAlive, type Presence, presenceOf, signalProven } from '../process/identity.ts';
import { followEvents, isSilence } from '../run/control-client.ts';
import { logTail } from '../run/log-file.ts';
import type { RunEvent } from '../supervisor/events.ts';
import { type PreparedRun, releaseRun, tidyUp } from './tidy-up.ts';
import { join } from 'node:path';
import { adopt } from '../run/claim.ts';
import { persistClaim, type StateFolders } from '../run/folders.ts';
import { adoptGpus, portsOf } from '../run/leases.ts';
import { writeRecord } from '../run/record.ts';
import { findRun } from './find-run.ts';

/** Node starts slowly on a host that starts many runs at once. */
const supervisorStartMs = 60_000;
/** A supervisor cleans up after its last event. */
const tidyMs = 15_000;
/** How long a supervisor may be suspended before it listens. */
const suspendedMs = 5_000;

/** From here on, name, ports and record belong to the returned process. */
export async function startSupervisor(prepared: PreparedRun): Promise<Identity> {
  const { plan, files, environment } = prepared;
  const command = [...ownCommand(), 'supervise', '--', plan.runId] as const;
  const supervisor = await spawnDetached(command, files.supervisorLog, packEnvironment(environment)).catch(
    (error: unknown) => {
      tidyUp(prepared);
      throw error;
    },
  );
  try {
    handOver(prepared, supervisor);
  } catch (error) {
    // It is still waiting for the hand-over, and has started nothing.
    signalProven(supervisor, 'SIGKILL');
    await untilGone(supervisor);
    tidyUp(prepared);
    throw error;
  }
  return supervisor;
}

/** Waits for the supervisor to listen, and notices immediately if it ends instead. */
export async function connect(
  prepared: PreparedRun,
  socket: string,
  supervisor: Identity,
): Promise<AsyncIterable<RunEvent>> {
  const deadline = systemClock.now() + supervisorStartMs;
  let seenRunning = systemClock.now();
  for (;;) {
    const events = followEvents(socket);
    try {
      const first = await events.next();
      return prepend(first, events);
    } catch (error) {
      const code = errorCode(error);
      if (code !== 'ENOENT' && code !== 'ECONNREFUSED' && !isSilence(error)) throw error;
    }
    const presence = presenceOf(supervisor);
    if (presence === 'running') seenRunning = systemClock.now();
    const why = whyNoAnswer(presence, seenRunning, deadline);
    if (why !== undefined) {
      // A supervisor that hangs before it listens, as Node does when it gets no threads, has started nothing.
      signalProven(supervisor, 'SIGKILL');
      releaseRun(prepared);
      throw supervisorDied(prepared, why);
    }
    await systemClock.sleep(10);
  }
}

/** `undefined` while it may still start to listen. */
function whyNoAnswer(presence: Presence, seenRunning: number, deadline: number): string | undefined {
  const now = systemClock.now();
  if (presence === 'dead') return 'ended';
  if (now - seenRunning > suspendedMs) return 'was suspended by a signal';
  return now > deadline ? `hung for ${supervisorStartMs / 1000} s` : undefined;
}

/** Waits for the supervisor to end; gives up after a while, or if it is suspended: `ps` will show its state. */
export async function untilGone(supervisor: Identity): Promise<void> {
  const deadline = systemClock.now() + tidyMs;
  while (presenceOf(supervisor) === 'running' && systemClock.now() < deadline) await systemClock.sleep(5);
}

async function* prepend(
  first: IteratorResult<RunEvent>,
  rest: AsyncGenerator<RunEvent>,
): AsyncGenerator<RunEvent> {
  if (first.done !== true) yield first.value;
  yield* rest;
}

/** `how`: what happened to it, in words. */
export function supervisorDied({ plan, files }: PreparedRun, how = 'ended'): DynamoError {
  const { lines } = logTail(files.supervisorLog, 20);
  return new DynamoError(
    'process-failed',
    `The supervisor of ${plan.runId} ${how} before the run was ready.`,
    {
      details: [...lines.map((line) => `  ${line}`), `log: ${files.supervisorLog}`],
      hint: `dynamo down ${plan.runId}`,
      fields: { runId: plan.runId, logFile: files.supervisorLog },
    },
  );
}

/** Transfers name, ports, GPUs and record of a prepared run to its supervisor. Call this right after that process was started. */
function handOver({ plan, files, folders }: PreparedRun, supervisor: Identity): void {
  const { record } = findRun(folders, plan.runId);
  writeRecord(files, { ...record, supervisor });
  const theirs = { runId: plan.runId, holder: supervisor };
  adopt(join(folders.names, plan.name), theirs);
  const data = persistClaim(folders, plan);
  if (data !== undefined) adopt(data, theirs);
  for (const port of portsOf(plan)) adopt(join(folders.ports, String(port)), theirs);
  adoptGpus(folders, theirs);
}

/** In the supervisor: waits for the hand-over. Throws if the process that prepared the run has died: then the run is being reaped. */
export async function untilHandedOver(folders: StateFolders, runId: string): Promise<void> {
  const me = identify(process.pid);
  for (;;) {
    const { record } = findRun(folders, runId);
    if (record.supervisor.pid === me?.pid && record.supervisor.startTime === me.startTime) return;
    if (!isAlive(record.supervisor)) {
      throw new DynamoError(
        'process-failed',
        `The process that prepared run ${runId} has died, so the run was not started.`,
        { fields: { runId } },
      );
    }
    await systemClock.sleep(2);
  }
}
