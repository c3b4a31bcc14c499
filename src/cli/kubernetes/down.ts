/** `dynamo down` of deployments on clusters: deletes what is ours, and waits until it is gone. */
import type { Environment } from '../../base/environment.ts';
import { existsSync } from 'node:fs';
import { DynamoError } from '../../base/error.ts';
import { quotePath } from '../../base/terminal-text.ts';
import { problemIn } from '../../kubernetes/problem.ts';
import { createKubectl } from '../../kubernetes/kubectl.ts';
import { type ClusterRun, recordFile } from '../../kubernetes/records.ts';
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
      runs.map(async (run) => {
        try {
          const caller = { say, environment, signal: leaving.signal };
          await endRun(createKubectl(run, environment), run, caller);
        } catch (error) {
          throw withWayOut(error, run, environment);
        }
      }),
    );
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  } finally {
    signals.end();
  }
}

/** A cluster that no longer exists never says that its deployments are gone. */
function withWayOut(error: unknown, { runId }: ClusterRun, environment: Environment): unknown {
  const file = recordFile(environment, runId);
  if (!(error instanceof DynamoError) || !existsSync(file)) return error;
  const kind = problemIn(error);
  if (kind !== 'unreachable' && kind !== 'no-context') return error;
  return new DynamoError(error.code, error.message, {
    hint: error.hint,
    details: [...error.details, `if the cluster no longer exists, forget the run: rm ${quotePath(file)}`],
  });
}
