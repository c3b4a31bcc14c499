/** `dynamo down` of deployments on clusters: deletes what is ours, and waits until it is gone. */
import type { Environment } from '../../base/environment.ts';
import { DynamoError } from '../../base/error.ts';
import { createKubectl } from '../../kubernetes/kubectl.ts';
import type { ClusterRun } from '../../kubernetes/records.ts';
import { watchSignals } from '../signals.ts';
import { endRun, type Say } from './bring-up.ts';

/** One that cannot be deleted does not keep the others from it; then throws what was wrong with the first one. */
export async function downOnCluster(
  runs: readonly ClusterRun[],
  environment: Environment,
  say: Say,
): Promise<void> {
  const leaving = new AbortController();
  const signals = watchSignals(
    (signal) =>
      leaving.abort(
        new DynamoError(
          'left-behind',
          `Stopped waiting after ${signal}; the cluster continues to delete it.`,
          {
            hint: 'dynamo ps --on kubernetes',
          },
        ),
      ),
    () => {},
  );
  try {
    const ends = await Promise.allSettled(
      runs.map(
        async (run) =>
          await endRun(createKubectl(run, environment), run, { say, environment, signal: leaving.signal }),
      ),
    );
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  } finally {
    signals.end();
  }
}
