/** A streamed request that is under way: what it has said so far, whether it has ended, and how to give it up. */

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
