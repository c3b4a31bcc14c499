/** A run in the background: hands the plan to a supervisor of its own and follows it until it serves or has failed. */
import { errorCode } from '../../base/error-code.ts';
import { systemClock } from '../../base/clock.ts';
import { DynamoError } from '../../base/error.ts';
import type { InfraPlan } from '../../plan/infra.ts';
import { packSecrets } from '../../plan/plan-secrets.ts';
import { isServing } from '../../plan/plan.ts';
import type { Identity } from '../../base/identity.ts';
import { spawnDetached } from '../../process/detach.ts';
import { type Presence, presenceOf, signalProven } from '../../process/presence.ts';
import { askStop, followEvents, isSilence } from '../../run/control-client.ts';
import { socketIn } from '../../run/record.ts';
import { logTail } from '../../run/log-tail.ts';
import type { Failure, RunEvent } from '../../supervisor/event.ts';
import { fitLines, terminalWidth } from '../../view/fit-lines.ts';
import { readyPanel } from '../../view/panel.ts';
import { styleFor } from '../../view/style.ts';
import { failureError, failureSoFar, leftBehindError } from '../runs/failure-error.ts';
import { findRun } from '../runs/find-run.ts';
import { silenceError } from '../runs/supervisor.ts';
import { handOver } from './hand-over.ts';
import { ownCommand } from '../self.ts';
import { signalExitCode, watchSignals } from '../signals.ts';
import { startView } from './start-view.ts';
import { type HeldRun, releaseRun, tidyUp } from '../clean/tidy-up.ts';

/** Node takes its time on a host that starts many runs at once. */
const supervisorStartMs = 60_000;
/** A supervisor tidies up after its last event. */
const tidyMs = 15_000;
/** One that is suspended before it listens has so long to go on. */
const suspendedMs = 5_000;

export interface DetachFlags {
  readonly json?: true;
  readonly quiet?: true;
}

export async function detach(prepared: HeldRun, flags: DetachFlags): Promise<number> {
  const { plan, folders } = prepared;
  const socket = socketIn(folders, prepared.files);
  const signals = watchSignals(
    () => void askStop(socket, false).catch(() => {}),
    () => void askStop(socket, true).catch(() => {}),
  );
  const view = await startView(plan, flags.quiet === true);
  try {
    const supervisor = await startSupervisor(prepared);
    const events = await connect(prepared, socket, supervisor).catch((error: unknown) => {
      // Ctrl-C may reach the supervisor before it has a session of its own: that is no failure of its.
      if (signals.first() === undefined) throw error;
    });
    if (events === undefined) return signalExitCode(signals.first() ?? 'SIGTERM');
    // A signal that came before anybody listened.
    if (signals.first() !== undefined) void askStop(socket, false).catch(() => {});
    let failure: Failure | undefined;
    for await (const event of events) {
      view.show(event);
      if (event.type === 'ready') {
        await view.end();
        report(prepared, flags, event);
        return 0;
      }
      failure = failureSoFar(failure, event);
      if (event.type === 'stopped') {
        await view.end();
        // It tidies up after this: who asked shall find nothing left, not nearly nothing.
        await untilGone(supervisor);
        if (event.left.length > 0) throw leftBehindError(event.left);
        if (failure !== undefined) throw failureError(failure, plan.runId);
        return signalExitCode(signals.first() ?? 'SIGTERM');
      }
    }
    throw supervisorDied(prepared);
  } catch (error) {
    throw isSilence(error) ? silenceError(findRun(folders, plan.runId), error) : error;
  } finally {
    await view.end();
    signals.end();
  }
}

/** From here on name, ports and record stand and fall with the process that is returned. */
export async function startSupervisor(prepared: HeldRun): Promise<Identity> {
  const { plan, files, secrets } = prepared;
  const command = [...ownCommand(), 'supervise', '--', plan.runId] as const;
  const supervisor = await spawnDetached(command, files.supervisorLog, packSecrets(secrets)).catch(
    (error: unknown) => {
      tidyUp(prepared);
      throw error;
    },
  );
  try {
    handOver(prepared, supervisor);
  } catch (error) {
    // It waits to be named, and has started nothing.
    signalProven(supervisor, 'SIGKILL');
    await untilGone(supervisor);
    tidyUp(prepared);
    throw error;
  }
  return supervisor;
}

/** Waits for the supervisor to listen, and notices at once when it ends instead. */
export async function connect(
  prepared: HeldRun,
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
      // One that hangs before it listens, as Node does where it gets no threads, has started nothing.
      signalProven(supervisor, 'SIGKILL');
      releaseRun(prepared);
      throw supervisorDied(prepared, why);
    }
    await systemClock.sleep(10);
  }
}

/** `undefined` while it may still come. */
function whyNoAnswer(presence: Presence, seenRunning: number, deadline: number): string | undefined {
  const now = systemClock.now();
  if (presence === 'dead') return 'ended';
  if (now - seenRunning > suspendedMs) return 'was suspended by a signal';
  return now > deadline ? `hung for ${supervisorStartMs / 1000} s` : undefined;
}

/** Or until it has had its time, or is suspended: `ps` tells what became of it. */
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

function supervisorDied({ plan, files }: HeldRun, how = 'ended'): DynamoError {
  const { lines } = logTail(files.supervisorLog, 20);
  return new DynamoError(
    'process-failed',
    `The supervisor of ${plan.runId} ${how} before the run was ready.`,
    {
      details: [...lines.map((line) => `  ${line}`), `log: ${files.supervisorLog}`],
      hint: `dynamo down ${plan.runId}`,
    },
  );
}

function report({ plan }: HeldRun, flags: DetachFlags, event: RunEvent & { type: 'ready' }): void {
  if (flags.json === true) {
    const { runId, name, engine, model, http } = plan;
    const processes = plan.processes.map((spec) => ({ name: spec.name, ports: spec.ports, gpus: spec.gpus }));
    const result = {
      runId,
      name,
      url: http.url,
      model: model.servedName,
      engine,
      processes,
      proof: event.proof,
      ...(plan.infra === undefined ? {} : { infra: addressesOf(plan.infra) }),
    };
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
    return;
  }
  const panel = readyPanel(plan, event.proof, event.tookMs, styleFor(process.stdout, process.env));
  process.stdout.write(fitLines(panel, terminalWidth(process.stdout)));
  process.stdout.write(
    isServing(plan)
      ? 'It goes on in the background. Logs: dynamo logs -f. Stop it: dynamo down\n'
      : 'It goes on in the background, for runs that need etcd or NATS. Stop it: dynamo infra down\n',
  );
}

function addressesOf({ etcd, nats }: InfraPlan): Record<string, readonly string[]> {
  return {
    ...(etcd === undefined ? {} : { etcd: etcd.addresses }),
    ...(nats === undefined ? {} : { nats: nats.addresses }),
  };
}
