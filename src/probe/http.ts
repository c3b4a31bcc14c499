/** One HTTP exchange with a process of this host: no proxy, no kept connection, no waiting beyond the time-out. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Longer answers are refused: a probe never needs them. */
const longestAnswer = 64 * 1024 * 1024;

interface ExchangeOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * GET, or POST with a JSON body. Rejects if there is no answer within `timeoutMs`, or `signal` aborts. Uses node:http, not fetch:
 * fetch costs 30 ms on its first call and may use a proxy. Loaded at the first call: until then, the processes that start need
 * the CPU.
 */
export async function exchange(
  url: string,
  { body, headers = {}, timeoutMs, signal }: ExchangeOptions,
): Promise<HttpAnswer> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const { request } = await import('node:http');
  const limit = AbortSignal.timeout(timeoutMs);
  return await new Promise((resolve, reject) => {
    const call = request(
      url,
      {
        method: payload === undefined ? 'GET' : 'POST',
        agent: false,
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
        headers:
          payload === undefined
            ? headers
            : {
                ...headers,
                'content-type': 'application/json',
                'content-length': Buffer.byteLength(payload),
              },
      },
      (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > longestAnswer) response.destroy(new Error(`answer over ${longestAnswer} bytes`));
          else chunks.push(chunk);
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
        );
        response.on('error', reject);
      },
    );
    call.on('error', (error) =>
      reject(limit.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error),
    );
    call.end(payload);
  });
}

export interface StreamedRequest {
  /** The text received so far. */
  text(): string;
  ended(): boolean;
  close(): void;
}

/** Starts a streamed request, and resolves with the first part of its answer. Rejects if there is none, or the status is not 200. */
export async function streamRequest(
  url: string,
  { body, timeoutMs, signal }: { body: unknown; timeoutMs: number; signal: AbortSignal },
): Promise<StreamedRequest> {
  const { request } = await import('node:http');
  const limit = AbortSignal.timeout(timeoutMs);
  const payload = JSON.stringify(body);
  return await new Promise((resolve, reject) => {
    const call = request(
      url,
      {
        method: 'POST',
        agent: false,
        signal: AbortSignal.any([signal, limit]),
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) },
      },
      (response) => {
        let [text, over] = ['', false];
        const held: StreamedRequest = { text: () => text, ended: () => over, close: () => call.destroy() };
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
          if (response.statusCode === 200) resolve(held);
        });
        response.once('close', () => {
          over = true;
          reject(new Error(`HTTP ${response.statusCode}: ${text.slice(0, 160)}`));
        });
        response.on('error', reject);
      },
    );
    // Also after the request was closed: then the rejection has no effect.
    call.on('error', reject);
    call.end(payload);
  });
}
