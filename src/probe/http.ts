/** One HTTP exchange with a process of this host: no proxy, no kept connection, no waiting beyond the time-out. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Answers longer than this are cut off: a probe never needs them. */
const longestAnswer = 64 * 1024 * 1024;

/**
 * GET, or POST with a JSON body. Rejects when there is no answer within `timeoutMs`, or `signal` aborts.
 * node:http and not fetch: fetch costs 30 ms on its first call and may follow proxy settings. Loaded at the first call:
 * what is started needs the processor before there is anything to ask.
 */
export async function exchange(
  url: string,
  { body, timeoutMs, signal }: { body?: unknown; timeoutMs: number; signal?: AbortSignal },
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
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) },
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

export interface HeldRequest {
  /** What has come. */
  text(): string;
  ended(): boolean;
  close(): void;
}

/** Resolves when the first part of its answer has come. Rejects when that does not come, or the status is not 200. */
export async function holdRequest(
  url: string,
  { body, timeoutMs, signal }: { body: unknown; timeoutMs: number; signal: AbortSignal },
): Promise<HeldRequest> {
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
        const held: HeldRequest = { text: () => text, ended: () => over, close: () => call.destroy() };
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
    // Also after it was given up: then nobody listens any more.
    call.on('error', reject);
    call.end(payload);
  });
}
