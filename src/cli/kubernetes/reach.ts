/** A port-forward to a deployment on a cluster, for as long as a command needs it. */
import type { Environment } from '../../base/environment.ts';
import { DynamoError } from '../../base/error.ts';
import { openFrontend } from '../../kubernetes/bring-up.ts';
import { createKubectl } from '../../kubernetes/kubectl.ts';
import type { ClusterRun } from '../../kubernetes/records.ts';
import { frontendPort } from '../../kubernetes/target.ts';
import { firstModel } from '../foreign-url.ts';
import { watchSignals } from '../signals.ts';

export interface Reached {
  readonly url: string;
  /** Name of the model in the API. */
  readonly model: string;
}

/** Throws `unavailable` if it cannot be reached, and what `use` throws. */
export async function withReached<T>(
  run: ClusterRun,
  environment: Environment,
  use: (reached: Reached) => Promise<T>,
): Promise<T> {
  const forward = await openFrontend(createKubectl(run, environment), run, { onNote: sayNote });
  try {
    return await use({
      url: forward.url,
      model: run.served.model === '' ? await firstModel(forward.url) : run.served.model,
    });
  } finally {
    await forward.end();
  }
}

/** Prints the URL of a port-forward and keeps it open until a signal comes. Without `show`: prints the URL inside the cluster. */
export async function openOnCluster(
  run: ClusterRun,
  environment: Environment,
  show: ((url: string) => Promise<void>) | undefined,
): Promise<number> {
  if (show === undefined) {
    process.stdout.write(`http://${run.served.service}.${run.namespace}:${frontendPort}\n`);
    return 0;
  }
  const over = new AbortController();
  const signals = watchSignals(
    () => over.abort(),
    () => {},
  );
  const forward = await openFrontend(createKubectl(run, environment), run, { onNote: sayNote });
  try {
    process.stdout.write(`${forward.url}\n`);
    process.stderr.write(`a port-forward to svc/${run.served.service}; Ctrl-C ends it\n`);
    await show(forward.url);
    if (!over.signal.aborted) await new Promise((resolve) => over.signal.addEventListener('abort', resolve));
    return 0;
  } finally {
    await forward.end();
    signals.end();
  }
}

export function requireChat({ name, served }: ClusterRun): void {
  if (served.proof.request === 'chat' || served.proof.request === 'vision') return;
  throw new DynamoError('usage', `${name} does not chat: it serves ${served.proof.request}.`, {
    fields: { deployment: name, asked: served.proof.request },
    hint: 'dynamo up agg --on kubernetes   # serves chat',
  });
}

function sayNote(text: string): void {
  process.stderr.write(`dynamo: ${text}\n`);
}
