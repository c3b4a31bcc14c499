/** Stops and removes a container that ledger and label prove to belong to a run: SIGTERM once, wait, SIGKILL; verifies twice. */
import type Docker from 'dockerode';
import type { ContainerInspectInfo } from 'dockerode';
import type { Clock } from '../base/clock.ts';
import { type ContainerEntry, containerLabels } from '../base/identity.ts';
import type { StopReport } from '../supervisor/events.ts';
import { answered, inspectContainer, said, silence, statusOf } from './client.ts';
import { takeRest } from './logs.ts';

/** How long to wait for a daemon that does not answer, beyond the grace period. */
const daemonMs = 5_000;
/** A container that SIGKILL does not end within this time is stuck in the kernel. */
const killMs = 10_000;
const beatMs = 100;

export interface ContainerStop {
  readonly docker: Docker;
  readonly entry: ContainerEntry;
  readonly graceMs: number;
  readonly clock: Clock;
  /** Aborts to send SIGKILL now. */
  readonly forceSignal: AbortSignal;
  /** Settles when its output has been written to the log; absent if nobody else does that, so that it is done here. */
  readonly written?: Promise<unknown> | undefined;
  /** How long a container that was never seen may take to appear; 0 if it is known to have been created. */
  readonly appearsWithinMs?: number | undefined;
}

/** Safe to call on a container that has ended, was never created, or is gone. Never rejects. */
export async function endContainer(stop: ContainerStop): Promise<StopReport> {
  const { clock, entry, appearsWithinMs = 0 } = stop;
  const name = `container ${entry.container}`;
  const progress: Progress = { killed: false, signalled: false, termAt: undefined };
  const begin = clock.now();
  let answeredAt = begin;
  let gone = 0;
  let seen = false;
  for (;;) {
    try {
      gone = (await step(stop, progress)) === 'gone' ? gone + 1 : 0;
      seen ||= gone === 0;
      const mayAppear = !seen && clock.now() - begin < appearsWithinMs;
      if (gone >= 2 && !mayAppear) return { killed: progress.killed ? [name] : [], left: [] };
      answeredAt = clock.now();
    } catch (error) {
      const why = silence(error) ?? said(error);
      const patience = stop.forceSignal.aborted ? daemonMs : stop.graceMs + daemonMs;
      if (clock.now() - answeredAt > patience) {
        return { killed: [], left: [`${name} (Docker at ${entry.daemon.address}: ${why})`] };
      }
    }
    if (progress.killedAt !== undefined && clock.now() - progress.killedAt > killMs) {
      return { killed: [], left: [`${name} (still running after SIGKILL)`] };
    }
    await clock.sleep(beatMs);
  }
}

interface Progress {
  killed: boolean;
  killedAt?: number;
  signalled: boolean;
  termAt: number | undefined;
}

/** Inspects the container once, and acts on the result. */
async function step(stop: ContainerStop, progress: Progress): Promise<'gone' | 'there'> {
  const { docker, entry, clock, graceMs, forceSignal } = stop;
  const container = docker.getContainer(entry.container);
  const info = await inspectContainer(container);
  if (info === undefined || !isOurs(info, entry)) return 'gone';
  if (!info.State.Running) {
    await Promise.race([stop.written ?? takeRest(docker, container, entry.logFile), clock.sleep(daemonMs)]);
    await unless([404, 409], container.remove({ force: true, v: true }));
    return 'there';
  }
  progress.termAt ??= clock.now();
  if (graceMs > 0 && !forceSignal.aborted && clock.now() - progress.termAt < graceMs) {
    if (!progress.signalled) await unless([404, 409], container.kill({ signal: 'SIGTERM' }));
    progress.signalled = true;
    return 'there';
  }
  await unless([404, 409], container.kill({ signal: 'SIGKILL' }));
  progress.killed = true;
  progress.killedAt ??= clock.now();
  return 'there';
}

/** A name alone proves nothing: only the random word in both our ledger and a label of the container does. */
export function isOurs({ Config }: Pick<ContainerInspectInfo, 'Config'>, entry: ContainerEntry): boolean {
  const labels = Config.Labels ?? {};
  return labels[containerLabels.run] === entry.runId && labels[containerLabels.launch] === entry.launch;
}

/** Ignores these statuses: a container that has ended or gone by itself is the desired result. */
async function unless(statuses: readonly number[], asked: Promise<unknown>): Promise<void> {
  try {
    await answered(asked, daemonMs);
  } catch (error) {
    if (!statuses.includes(statusOf(error) ?? 0)) throw error;
  }
}
