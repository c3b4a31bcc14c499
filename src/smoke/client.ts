/** What a case of a smoke test is, the client that sends its requests, and the counters that it can read. */
import { systemClock } from '../base/clock.ts';
import { errorCode, messageOf } from '../base/error-code.ts';
import { sumOfSeries } from '../base/metrics-text.ts';
import type { WorkerMode } from '../profile/profile.ts';
import { eventLines, type Json, objectOf, shown } from './answers.ts';
import { wrong } from './result.ts';
import type { Target } from './target.ts';

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** Empty if the text is not a JSON object. */
  readonly body: Json;
}

export interface Client {
  /** POST; any status is an answer. */
  post(path: string, body: Json): Promise<Answer>;
  /** POST that must be answered with 200 and a JSON object. */
  ask(path: string, body: Json): Promise<Json>;
  /**
   * POST that must be answered with a stream: the text after each `data:`. Leaving the loop closes the connection;
   * aborting `disconnect` does, too, and makes it throw.
   */
  stream(path: string, body: Json, disconnect?: AbortSignal): AsyncGenerator<string, void>;
  /** GET of a URL, or of a path of the deployment; it must be answered with 200. */
  read(place: string): Promise<Buffer>;
  /** Polls until `look` returns a value; `undefined` after `withinMs`. */
  eventually<T>(withinMs: number, look: () => Promise<T | undefined>): Promise<T | undefined>;
}

const lookEveryMs = 50;

/** Every exchange ends when `signal` aborts. */
export function createClient(url: string, signal: AbortSignal): Client {
  const send = async (place: string, init: RequestInit): Promise<Response> => {
    try {
      return await fetch(new URL(place, `${url}/`), { signal, ...init });
    } catch (error) {
      signal.throwIfAborted();
      // fetch says only "fetch failed"; its cause has the reason.
      const cause = error instanceof Error ? error.cause : undefined;
      throw new Error(`${place}: ${errorCode(cause) ?? messageOf(cause ?? error)}`, { cause: error });
    }
  };
  const postJson = async (path: string, body: Json, until = signal): Promise<Response> =>
    await send(path, {
      signal: until,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const post = async (path: string, body: Json): Promise<Answer> => {
    const response = await postJson(path, body);
    const text = await response.text();
    return { status: response.status, text, body: parsed(text) };
  };
  return {
    post,
    ask: async (path, body) => {
      const answer = await post(path, body);
      if (answer.status !== 200) wrong(`HTTP ${answer.status} from ${path}: ${shown(answer.text)}`);
      return answer.body;
    },
    stream: async function* (path, body, disconnect) {
      const until = disconnect === undefined ? signal : AbortSignal.any([signal, disconnect]);
      const response = await postJson(path, { ...body, stream: true }, until);
      if (response.status !== 200) {
        wrong(`HTTP ${response.status} from ${path}: ${shown(await response.text())}`);
      }
      yield* eventLines(response.body ?? new ReadableStream<Uint8Array>());
    },
    read: async (place) => {
      const response = await send(place, {});
      if (response.status !== 200) wrong(`HTTP ${response.status} from ${place}`);
      return Buffer.from(await response.arrayBuffer());
    },
    eventually: async (withinMs, look) => {
      const end = systemClock.now() + withinMs;
      for (;;) {
        const seen = await look();
        if (seen !== undefined || systemClock.now() > end) return seen;
        await systemClock.sleep(lookEveryMs, signal);
      }
    },
  };
}

function parsed(text: string): Json {
  try {
    return objectOf(JSON.parse(text));
  } catch {
    return {};
  }
}

const generate = { dynamo_endpoint: 'generate' };

async function ofWorkers(client: Client, target: Target, series: string): Promise<Map<WorkerMode, number>> {
  const counts = await Promise.all(
    target.workers.map(async ({ mode, metricsUrl }) => ({
      mode,
      count: sumOfSeries((await client.read(metricsUrl)).toString(), series, generate),
    })),
  );
  const sums = new Map<WorkerMode, number>();
  for (const { mode, count } of counts) sums.set(mode, (sums.get(mode) ?? 0) + count);
  return sums;
}

/** Requests received so far, by role. */
export async function requestsByRole(client: Client, target: Target): Promise<Map<WorkerMode, number>> {
  return await ofWorkers(client, target, 'dynamo_component_requests_total');
}

/** Requests in flight: at the workers if they are reachable, else at the frontend. */
export async function requestsInFlight(client: Client, target: Target): Promise<number> {
  if (target.workers.length === 0) {
    return await ofFrontend(client, 'dynamo_frontend_inflight_requests');
  }
  const sums = await ofWorkers(client, target, 'dynamo_component_inflight_requests');
  return [...sums.values()].reduce((sum, count) => sum + count, 0);
}

export async function ofFrontend(
  client: Client,
  series: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  return sumOfSeries((await client.read('/metrics')).toString(), series, labels);
}

export interface SmokeCase {
  /** Its name in reports. */
  readonly name: string;
  fits(target: Target): boolean;
  /** Resolves with a short description of what was seen. Rejects with a CaseError, or with any error of a request. */
  run(client: Client, target: Target): Promise<string>;
}
