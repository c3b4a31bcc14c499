/** Receives traces as OTLP over gRPC, on upstream's default port of loopback: `up --set tracing=true` sends them there. */
import { createServer, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import { gunzipSync } from 'node:zlib';
import { errorCode } from '../base/error-code.ts';
import { type Span, spansIn } from './spans.ts';

export interface Receiver {
  readonly port: number;
  close(): Promise<void>;
}

export const usualOtlpPort = 4317;
const tracesPath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
export const longestBytes = 16 * 1024 * 1024;

/** `undefined` if another collector has the port: then traces go there. Logs and metrics are accepted and dropped. */
export async function openReceiver(
  port: number,
  onSpans: (spans: readonly Span[]) => void,
): Promise<Receiver | undefined> {
  const server = createServer();
  const sessions = new Set<Http2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => session.destroy());
    session.on('close', () => sessions.delete(session));
  });
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => {
    stream.on('error', () => stream.destroy());
    receive(stream, (message) => {
      if (headers[':path'] === tracesPath) onSpans(spansIn(message));
    });
  });
  const bound = await new Promise<number | undefined>((resolve, reject) => {
    server.once('error', (error) => (errorCode(error) === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
  if (bound === undefined) return undefined;
  return {
    port: bound,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}

/** Answers as a gRPC server does, with an empty response: whatever was sent, a sender must not try again. */
function receive(stream: ServerHttp2Stream, hear: (message: Uint8Array) => void): void {
  const parts: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes <= longestBytes) parts.push(part);
  });
  stream.on('end', () => {
    try {
      if (bytes <= longestBytes) for (const message of messagesIn(Buffer.concat(parts))) hear(message);
    } catch {
      // No message of ours.
    }
    if (stream.destroyed) return;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.alloc(5));
  });
}

/** Each: whether it is compressed, its length, and itself. Source: gRPC over HTTP2, Length-Prefixed-Message. */
function* messagesIn(body: Buffer): Generator<Uint8Array> {
  for (let at = 0; at + 5 <= body.length;) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    const message = body.subarray(at + 5, end);
    yield body[at] === 1 ? gunzipSync(message, { maxOutputLength: longestBytes }) : message;
    at = end;
  }
}
