/** A run in the background: hands the plan to its own supervisor and follows it until it serves or has failed. */
import { setTimeout as delay } from 'node:timers/promises';
import { silenceError } from '../../deployment/ask-supervisor.ts';
import {
  connect,
  startSupervisor,
  supervisorDied,
  untilGone,
} from '../../deployment/background-supervisor.ts';
import { failureError, failureSoFar, leftBehindError } from '../../deployment/failure-error.ts';
import { findRun } from '../../deployment/find-run.ts';
import type { PreparedRun } from '../../deployment/tidy-up.ts';
import type { InfraPlan } from '../../plan/infra.ts';
import { clientUrl, runsModel } from '../../plan/plan.ts';
import { askStop, isBroken, isSilence } from '../../run/control-client.ts';
import { lastLineOf } from '../../run/log-file.ts';
import { socketIn } from '../../run/record.ts';
import type { Failure, RunEvent } from '../../supervisor/events.ts';
import { fitLines, terminalWidth } from '../../view/wrap.ts';
import { readyPanel } from '../../view/panel.ts';
import { styleFor } from '../../view/style.ts';
import { signalExitCode, type SignalWatch, watchSignals } from '../signals.ts';
import { chooseProgress } from '../../view/progress.ts';

export interface DetachFlags {
  readonly json?: true;
  readonly quiet?: true;
  readonly timings?: true;
}

export async function detach(prepared: PreparedRun, flags: DetachFlags): Promise<number> {
  const { plan, folders } = prepared;
  const socket = socketIn(folders, prepared.files);
  const signals = watchSignals(
    () => void askStop(socket, false).catch(() => {}),
    () => void askStop(socket, true).catch(() => {}),
  );
  const view = await chooseProgress(
    plan,
    flags.quiet === true,
    prepared.environment.variables,
    lastLineOf(plan.processes),
  );
  try {
    const supervisor = await unlessSignalled(startSupervisor(prepared), signals);
    if (supervisor === undefined) return signalExitCode(signals.first() ?? 'SIGTERM');
    const events = await unlessSignalled(connect(prepared, socket, supervisor), signals);
    if (events === undefined) return signalExitCode(signals.first() ?? 'SIGTERM');
    // A signal that came before the supervisor listened.
    if (signals.first() !== undefined) void askStop(socket, false).catch(() => {});
    let failure: Failure | undefined;
    const seen: RunEvent[] = [];
    for await (const event of events) {
      view.show(event);
      seen.push(event);
      if (event.type === 'ready') {
        await view.end();
        await report(prepared, flags, event, seen);
        return 0;
      }
      failure = failureSoFar(failure, event);
      if (event.type === 'stopped') {
        await view.end();
        // It still cleans up after this event: wait, so that nothing at all is left when we return.
        await untilGone(supervisor);
        if (event.left.length > 0) throw leftBehindError(event.left);
        if (failure !== undefined) throw failureError(failure, plan.runId);
        return signalExitCode(signals.first() ?? 'SIGTERM');
      }
    }
    throw supervisorDied(prepared);
  } catch (error) {
    if (isSilence(error)) throw silenceError(findRun(folders, plan.runId), error);
    throw isBroken(error) ? supervisorDied(prepared) : error;
  } finally {
    await view.end();
    signals.end();
  }
}

/** A signal that came with the death of a child is heard in one of the next turns, in milliseconds. */
const heardWithinMs = 20;

/**
 * `undefined` if it failed after a signal: Ctrl-C may reach the supervisor before it has its own session, and that is not
 * a failure.
 */
async function unlessSignalled<T>(attempt: Promise<T>, signals: SignalWatch): Promise<T | undefined> {
  try {
    return await attempt;
  } catch (error) {
    await delay(heardWithinMs);
    if (signals.first() === undefined) throw error;
    return undefined;
  }
}

/** `seen`: all events, up to this one. */
async function report(
  { plan, environment }: PreparedRun,
  flags: DetachFlags,
  event: RunEvent & { type: 'ready' },
  seen: readonly RunEvent[],
): Promise<void> {
  if (flags.json === true) {
    const { runId, name, engine } = plan;
    const processes = plan.processes.map((spec) => ({ name: spec.name, ports: spec.ports, gpus: spec.gpus }));
    const result = {
      runId,
      name,
      url: clientUrl(plan),
      model: runsModel(plan) ? plan.model.servedName : '',
      engine,
      processes,
      proof: event.proof,
      timings: (await import('./timings.ts')).timingsOf(plan, seen),
      ...(plan.infra === undefined ? {} : { infra: addressesOf(plan.infra) }),
    };
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
    return;
  }
  const panel = readyPanel(plan, event.proof, event.tookMs, styleFor(process.stdout, environment.variables));
  process.stdout.write(fitLines(panel, terminalWidth(process.stdout)));
  if (flags.timings === true) (await import('./timings.ts')).showTimings(plan, seen);
  process.stdout.write(
    runsModel(plan)
      ? 'Running in the background. Logs: dynamo logs -f. Stop: dynamo down\n'
      : 'Running in the background, for runs that need etcd or NATS. Stop: dynamo infra down\n',
  );
}

function addressesOf({ etcd, nats }: InfraPlan): Record<string, readonly string[]> {
  return {
    ...(etcd === undefined ? {} : { etcd: etcd.addresses }),
    ...(nats === undefined ? {} : { nats: nats.addresses }),
  };
}
