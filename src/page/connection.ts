/** The one stream from the server, open only while the page can be seen, and requests to it. */
import type { ActRequest, DownRequest, LogLine, Message, Refusal, TracedSpan } from './messages.ts';
import { forgetRun, learn, update } from './store.ts';

let source: EventSource | undefined;
let shownRun: string | undefined;

/** Follows a run, instead of the one before. */
export function follow(runId: string | undefined): void {
  if (runId !== shownRun) forgetRun();
  shownRun = runId;
  if (!document.hidden) open();
}

/** A hidden page costs nothing; when it is looked at again, it gets everything anew. */
export function pauseWhileHidden(): void {
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) source?.close();
    else open();
  });
  addEventListener('pagehide', () => source?.close());
}

function open(): void {
  source?.close();
  const query = shownRun === undefined ? '' : `?run=${encodeURIComponent(shownRun)}`;
  const stream = new EventSource(`api/stream${query}`);
  source = stream;
  stream.addEventListener('message', ({ data }) => {
    if (source !== stream) return;
    const message = JSON.parse(String(data)) as Message;
    update((known) => learn(known, message));
  });
  stream.addEventListener('error', () => {
    if (source === stream) void lost(stream);
  });
}

/** EventSource connects again by itself, unless the server refused. */
async function lost(stream: EventSource): Promise<void> {
  const status = await fetch('icon.svg').then(
    (response) => response.status,
    () => 0,
  );
  if (source !== stream || stream.readyState === EventSource.OPEN) return;
  update((known) => ({ ...known, connection: status === 401 ? 'refused' : 'lost' }));
  if (stream.readyState === EventSource.CLOSED && status !== 401)
    setTimeout(() => void (source === stream && open()), 2_000);
}

/** `undefined` when it was done, otherwise why not. */
export async function ask(path: 'api/act', request: ActRequest): Promise<Refusal | undefined>;
export async function ask(path: 'api/down', request: DownRequest): Promise<Refusal | undefined>;
export async function ask(path: string, request: object): Promise<Refusal | undefined> {
  try {
    const response = await post(path, request);
    return response.ok ? undefined : await refusalIn(response);
  } catch {
    return { error: 'The server of this page does not answer.', hint: 'dynamo ui' };
  }
}

export async function post(path: string, request: object, signal?: AbortSignal): Promise<Response> {
  return await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
    ...(signal === undefined ? {} : { signal }),
  });
}

async function refusalIn(response: Response): Promise<Refusal> {
  const text = await response.text();
  try {
    return JSON.parse(text) as Refusal;
  } catch {
    return { error: text.trim() };
  }
}

/** What all processes wrote around a moment. */
export async function linesAround(runId: string, at: number): Promise<readonly LogLine[]> {
  const response = await fetch(`api/logs?run=${encodeURIComponent(runId)}&at=${at}`);
  if (!response.ok) return [];
  return ((await response.json()) as { lines: readonly LogLine[] }).lines;
}

/** The spans of a request, if they were received. */
export async function spansOf(id: string): Promise<readonly TracedSpan[]> {
  const response = await fetch(`api/trace?id=${encodeURIComponent(id)}`);
  if (!response.ok) return [];
  return ((await response.json()) as { spans: readonly TracedSpan[] }).spans;
}
