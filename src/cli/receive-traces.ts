/**
 * `dynamo receive-traces`: what `up --observe` starts beside a run. It writes each span that it receives as a line of a file of
 * the run, which `dynamo ui` reads; metrics and logs are accepted and dropped, since both are kept elsewhere.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { DynamoError } from '../base/error.ts';
import { messageOf } from '../base/error-code.ts';
import { appendOwn } from '../host/own-file.ts';
import { longestBytes, openReceiver } from '../ui/otlp-receiver.ts';
import { type Span, spansIn } from '../ui/spans.ts';
import { wholeNumber } from './flag-values.ts';
import { watchSignals } from './signals.ts';
import type { Configure } from './verb.ts';

interface ReceiverFlags {
  readonly grpcPort: string;
  readonly httpPort: string;
  readonly file: string;
}

export const configure: Configure = (command, settle) => {
  command
    .requiredOption('--grpc-port <port>', 'OTLP over gRPC')
    .requiredOption('--http-port <port>', 'OTLP over HTTP, and GET /ready')
    .requiredOption('--file <file>', 'where spans are written, one a line')
    .action(async (flags: ReceiverFlags) => settle(await receiveTraces(flags)));
};

async function receiveTraces({ grpcPort, httpPort, file }: ReceiverFlags): Promise<number> {
  const left = new AbortController();
  const signals = watchSignals(
    () => left.abort(),
    () => process.exit(1),
  );
  const keep = keeperIn(file);
  const grpc = await openReceiver(portOf(grpcPort), keep);
  if (grpc === undefined) throw taken(grpcPort);
  const http = createServer((request, response) => void answer(request, response, keep));
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(portOf(httpPort), '127.0.0.1', resolve);
  }).catch(() => {
    throw taken(httpPort);
  });
  await new Promise<void>((resolve) => left.signal.addEventListener('abort', () => resolve()));
  http.closeAllConnections();
  http.close();
  await grpc.close();
  signals.end();
  return 0;
}

/** A full disk loses spans, and is told once. */
function keeperIn(file: string): (spans: readonly Span[]) => void {
  let told = false;
  return (spans) => {
    if (spans.length === 0) return;
    try {
      appendOwn(file, spans.map((span) => `${JSON.stringify(span)}\n`).join(''));
      told = false;
    } catch (error) {
      if (!told) process.stderr.write(`spans are lost: ${file} cannot be written: ${messageOf(error)}\n`);
      told = true;
    }
  };
}

const paths = new Set(['/v1/traces', '/v1/metrics', '/v1/logs']);

/** Source: OTLP 1.5, OTLP/HTTP; only with Protobuf, the default of exporters. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  keep: (spans: readonly Span[]) => void,
): Promise<void> {
  const { method, url = '', headers } = request;
  const end = (status: number): void => void response.writeHead(status).end();
  if (method === 'GET' && url === '/ready') return end(200);
  if (method !== 'POST' || !paths.has(url)) return end(404);
  if (headers['content-type'] !== 'application/x-protobuf') return end(415);
  try {
    const body = await bodyOf(request);
    if (url === '/v1/traces')
      keep(spansIn(headers['content-encoding'] === 'gzip' ? await unzipped(body) : body));
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  } catch {
    end(400);
  }
}

async function unzipped(body: Uint8Array): Promise<Uint8Array> {
  const { gunzipSync } = await import('node:zlib');
  return gunzipSync(body, { maxOutputLength: longestBytes });
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > longestBytes) throw new Error('too long');
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function portOf(text: string): number {
  const port = wholeNumber(text, 0, 65_535);
  if (port !== undefined) return port;
  throw new DynamoError('usage', `${JSON.stringify(text)} is no port.`, { fields: { asked: text } });
}

function taken(port: string): DynamoError {
  return new DynamoError('busy', `Port ${port} of 127.0.0.1 is in use.`, { fields: { port: Number(port) } });
}
