/** Calls a worker on the request plane and reads its answer line by line. */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { ApiError, unavailable } from './api-error.ts';
import { readLines } from './http.ts';
import type { Frame, Frames, WorkRequest } from './protocol.ts';

/** `onLost` is told when the worker did not answer or went away in the middle. */
export async function* callWorker(
  tcp: string,
  body: WorkRequest,
  signal: AbortSignal,
  onLost: () => void,
): Frames {
  let complete = false;
  try {
    for await (const line of openLines(tcp, 'POST', JSON.stringify(body), signal)) {
      const frame = JSON.parse(line) as Frame;
      if (frame.type === 'error') throw new ApiError(frame.status, frame.message, null, frame.param ?? null);
      complete = frame.type !== 'start' && frame.type !== 'text';
      yield frame;
    }
  } catch (error) {
    if (error instanceof ApiError || signal.aborted) throw error;
  }
  if (complete) return;
  if (!signal.aborted) onLost();
  throw unavailable();
}

/** Lines of an HTTP answer from `host:port/path`; a new connection each time, so that a dead worker is seen at once. */
export async function* openLines(
  tcp: string,
  method: string,
  body: string,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const outgoing = request(`http://${tcp}`, { method, agent: false, signal });
  // `once` and the answer report the same errors.
  outgoing.on('error', () => {});
  try {
    outgoing.end(body);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    yield* readLines(response);
  } finally {
    // Leaving early cancels the work down to the engine.
    outgoing.destroy();
  }
}
