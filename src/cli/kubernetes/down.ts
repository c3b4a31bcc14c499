/** `dynamo down` of deployments on clusters: deletes them, and waits until they are gone. */
import type { Environment } from '../../base/environment.ts';
import { existsSync } from 'node:fs';
import { DynamoError } from '../../base/error.ts';
import { quotePath } from '../../base/terminal-text.ts';
import { problemIn } from '../../kubernetes/problem.ts';
import { createKubectl } from '../../kubernetes/kubectl.ts';
import { type ClusterRun, recordFile } from '../../kubernetes/records.ts';
import { watchSignals } from '../signals.ts';
import { endRun, type Say } from './bring-up.ts';

/** Deletes all that can be deleted; then throws the first error. */
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
          { fields: { signal }, hint: 'dynamo ps --on kubernetes' },
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

/** Adds how to forget a run whose cluster no longer exists. */
function withWayOut(error: unknown, { runId }: ClusterRun, environment: Environment): unknown {
  const file = recordFile(environment, runId);
  if (!(error instanceof DynamoError) || !existsSync(file)) return error;
  const kind = problemIn(error);
  if (kind !== 'unreachable' && kind !== 'no-context') return error;
  return new DynamoError(error.code, error.message, {
    fields: error.fields,
    hint: error.hint,
    details: [...error.details, `if the cluster no longer exists, forget the run: rm ${quotePath(file)}`],
  });
}
