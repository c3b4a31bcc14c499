/** What all of sim's HTTP servers need: listen, read a body or its lines, send text. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApiError, errorBody } from './api-body.ts';
import { log } from './log.ts';
import { refusalOf } from './web-guard.ts';

/** Resolves with the server and its actual port; rejects as `listen` does. Refuses requests from web pages of other sites. */
export async function listen(host: string, port: number, listener: RequestListener) {
  const bound = { name: host, address: host };
  const server = createServer((request, response) => {
    const refused = refusalOf(request, bound);
    if (refused === undefined) return listener(request, response);
    const { method = '', url = '' } = request;
    log('WARN', 'sim::web', refused.message, { method, uri: url });
    sendJson(response, refused.status, errorBody(refused));
  }).listen(port, host);
  await once(server, 'listening');
  const { address, port: used } = server.address() as AddressInfo;
  bound.address = address;
  return { server, port: used };
}

/** As it stands in a URL. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

export async function readBody(request: IncomingMessage, limit: number): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    // The rest is read and discarded: answering while the client still sends would reset its connection.
    if (size <= limit) parts.push(part);
  }
  if (size > limit) throw new ApiError(413, `Request body is larger than ${limit / 1024 / 1024} MB`);
  return Buffer.concat(parts).toString();
}

export async function* readLines(response: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  for await (const part of response.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (rest + part).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

export function sendText(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) }).end(text);
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  sendText(response, status, 'application/json', typeof body === 'string' ? body : JSON.stringify(body));
}

/** Aborts if the client disconnects before the answer is complete. */
export function clientGone(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
}
