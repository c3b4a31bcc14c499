/** Sends a request of the playground to the frontend of a run, and passes its answer on as it comes. */
import type { ServerResponse } from 'node:http';
import { DynamoError } from '../base/error.ts';
import { errorCode, messageOf } from '../base/error-code.ts';
import { object, oneOf, text } from '../base/shape.ts';
import { type TryKind, tryKinds, type TryRequest } from '../page/messages.ts';
import { requireServing } from '../plan/plan.ts';
import type { StateFolders } from '../run/folders.ts';
import { readPlan } from '../run/record.ts';
import { liveRun } from './actions.ts';

/** The page names a kind, never an address: nothing but the frontend of a run can be reached. */
const paths: Readonly<Record<TryKind, string>> = {
  chat: '/v1/chat/completions',
  embedding: '/v1/embeddings',
  image: '/v1/images/generations',
  video: '/v1/videos',
};

const tryShape = object({ run: text, kind: oneOf(...tryKinds), body: object({}) });

export function isTry(value: unknown): value is TryRequest {
  return tryShape(value, '') === undefined;
}

/** A long video on a slow GPU. */
const answerWithinMs = 30 * 60_000;

/** Throws DynamoError before the answer has begun; settles at its end, or when the page has gone. */
export async function passOn(
  folders: StateFolders,
  { run, kind, body }: TryRequest,
  response: ServerResponse,
): Promise<void> {
  const stored = readPlan(liveRun(folders, run).files);
  if (stored === undefined)
    throw new DynamoError('run-not-found', `Run ${run} has no plan on disk.`, { fields: { runId: run } });
  const plan = requireServing(stored);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const answer = await fetch(`${plan.http.url}${paths[kind]}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, model: plan.model.servedName }),
    redirect: 'error',
    signal: AbortSignal.any([gone.signal, AbortSignal.timeout(answerWithinMs)]),
  }).catch((error: unknown) => {
    // fetch says only "fetch failed"; the cause knows why.
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    throw new DynamoError(
      'unavailable',
      `${plan.http.url} did not answer: ${errorCode(cause) ?? messageOf(cause)}.`,
      {
        hint: `dynamo ps   # shows whether ${plan.name} is up and healthy`,
        fields: { runId: run, address: plan.http.url },
      },
    );
  });
  // Never the type of the answer: whatever it holds, the browser reads it as data.
  response.writeHead(answer.status, { 'content-type': 'text/plain; charset=utf-8' });
  try {
    for await (const part of answer.body ?? []) {
      if (!response.write(part) && !gone.signal.aborted)
        await new Promise((resolve) => {
          response.once('drain', resolve);
          response.once('close', resolve);
        });
    }
    response.end();
  } catch {
    // It broke off: so does ours, and the page says so.
    response.destroy();
  }
}
