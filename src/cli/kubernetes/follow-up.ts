/** `dynamo wait` and `dynamo events` of a deployment on a cluster. */
import type { Environment } from '../../base/environment.ts';
import { systemClock } from '../../base/clock.ts';
import { DynamoError } from '../../base/error.ts';
import { withoutControls } from '../../base/terminal-text.ts';
import { readEvents, readGraph, seenOrThrow } from '../../kubernetes/cluster.ts';
import { createKubectl, type Kubectl } from '../../kubernetes/kubectl.ts';
import type { ClusterEvent } from '../../kubernetes/objects.ts';
import type { ClusterRun } from '../../kubernetes/records.ts';
import { goneWithinMs } from '../../kubernetes/take-down.ts';
import { untilReady } from '../../kubernetes/until-ready.ts';
import { watchForInterruption } from '../reader.ts';
import { signalExitCode, watchSignals } from '../signals.ts';

const readyWithinMs = 3_600_000;
const periodMs = 1_000;
const eventsEveryMs = 2_000;

/** Throws `not-ready` on timeout, and the reason if it cannot become ready. */
export async function waitOnCluster(
  run: ClusterRun,
  { for: state, timeout }: { readonly for: 'ready' | 'stopped'; readonly timeout?: number },
  environment: Environment,
): Promise<number> {
  const kubectl = createKubectl(run, environment);
  const over = new AbortController();
  const signals = watchSignals(
    (signal) => over.abort(new DynamoError('process-failed', `${signal} came.`, { fields: { signal } })),
    () => {},
  );
  const timeoutMs = timeout === undefined ? undefined : timeout * 1000;
  try {
    if (state === 'stopped') await untilGone(kubectl, run, timeoutMs ?? goneWithinMs, over.signal);
    else {
      const followed = {
        kubectl,
        version: run.apiVersion,
        name: run.graph,
        uid: run.uid,
        model: run.served.modelPath,
      };
      const quiet = { onPod: () => {}, onState: () => {}, onFinding: () => {}, onNote: () => {} };
      const limits = { timeoutMs: timeoutMs ?? readyWithinMs, clock: systemClock, signal: over.signal };
      await untilReady(followed, quiet, limits);
    }
  } catch (error) {
    const signal = signals.first();
    if (signal === undefined) throw error;
    return signalExitCode(signal);
  } finally {
    signals.end();
  }
  process.stderr.write(`${run.name} is ${state}\n`);
  return 0;
}

async function untilGone(
  kubectl: Kubectl,
  run: ClusterRun,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const end = systemClock.now() + timeoutMs;
  for (;;) {
    const seen = await readGraph(kubectl, run.apiVersion, run.graph, { signal });
    if (seen.kind === 'seen' && seen.value?.uid !== run.uid) return;
    if (systemClock.now() >= end) {
      seenOrThrow(seen, kubectl, `${run.name} cannot be watched`);
      throw new DynamoError('not-ready', `${run.name} was not stopped within ${timeoutMs / 1000} s.`, {
        fields: { deployment: run.graph, timeoutMs },
        hint: 'dynamo ps',
      });
    }
    await systemClock.sleep(periodMs, signal);
  }
}

/** Past events, which the cluster keeps for an hour, and new ones until the deployment is gone. */
export async function eventsOnCluster(
  run: ClusterRun,
  json: boolean,
  environment: Environment,
): Promise<number> {
  const kubectl = createKubectl(run, environment);
  const over = watchForInterruption();
  const shown = new Map<string, number>();
  try {
    for (;;) {
      const [graph, events] = await Promise.all([
        readGraph(kubectl, run.apiVersion, run.graph, { signal: over.signal }),
        readEvents(kubectl, run.graph, { signal: over.signal }),
      ]);
      if (shown.size === 0) seenOrThrow(events, kubectl, `The events of ${run.name} cannot be read`);
      for (const event of events.kind === 'seen' ? events.value : []) {
        const key = [event.kind, event.name, event.reason, event.message].join('\n');
        if (shown.get(key) === event.count) continue;
        shown.set(key, event.count);
        process.stdout.write(json ? `${JSON.stringify(event)}\n` : `${withoutControls(eventLine(event))}\n`);
      }
      if (graph.kind === 'seen' && graph.value?.uid !== run.uid) return 0;
      await systemClock.sleep(eventsEveryMs, over.signal);
    }
  } catch (error) {
    if (!over.signal.aborted) throw error;
    const signal = over.first();
    return signal === undefined ? 0 : signalExitCode(signal);
  } finally {
    over.end();
  }
}

function eventLine({ at, kind, name, type, reason, message, count }: ClusterEvent): string {
  const time = Number.isNaN(at) ? '' : `${new Date(at).toISOString()}  `;
  return `${time}${type === 'Warning' ? 'Warning  ' : ''}${kind} ${name}: ${reason}${count > 1 ? ` (×${count})` : ''}: ${message.replaceAll(/\s+/g, ' ')}`;
}
