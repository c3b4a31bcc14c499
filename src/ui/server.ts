/** The server of `dynamo ui`: the page, one stream of messages, and a handful of requests. It listens on loopback only. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { DynamoError } from '../base/error.ts';
import { errorCode } from '../base/error-code.ts';
import { isAlive } from '../process/identity.ts';
import type { Workspace } from '../run/folders.ts';
import { readPlan, storedRuns } from '../run/record.ts';
import { act, type Answer, down, isAct, isDown, refusal } from './actions.ts';
import { type Door, partsOf, safeHeaders, verdictOn } from './guard.ts';
import { linesAround } from './log-lines.ts';
import { openOutlet } from './outlet.ts';
import { pageFile } from './page-files.ts';
import { isTry, passOn } from './playground.ts';
import { openTraces } from './requests.ts';
import { openSamplers } from './samplers.ts';
import { type Server, stream } from './stream.ts';

export interface PageServer {
  readonly port: number;
  /** With the token: whoever has it may stop runs. */
  readonly url: string;
  /** Ends every connection. */
  close(): Promise<void>;
}

/** Preferred, so that an `ssh -L` typed yesterday works today; and how many ports after it are tried. */
export const usualPort = 8765;
const portsTried = 20;
/** An image for a vision model. */
const longestBody = 32 * 1024 * 1024;
/** Around the moment of an event. */
const linesEachSide = 300;

/** Throws `busy` if the port is in use. */
export async function openPageServer(
  workspace: Workspace,
  { port, otlpPort }: { readonly port?: number; readonly otlpPort?: number },
): Promise<PageServer> {
  const token = randomBytes(24).toString('base64url');
  let door: Door = { token, cookieName: '' };
  const samplers = openSamplers(workspace);
  const traces = await openTraces(otlpPort);
  const server = createServer((request, response) => {
    answer({ ...workspace, samplers, traces }, door, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendJson(response, refusal(500, error));
    });
  });
  // A browser keeps its stream open for hours.
  server.requestTimeout = 0;
  const bound = await listen(server, port).catch(async (error: unknown) => {
    samplers.end();
    await traces.close();
    throw error;
  });
  door = { token, cookieName: `dynamo-ui-${bound}` };
  return {
    port: bound,
    url: `http://127.0.0.1:${bound}/?token=${token}`,
    close: async () => {
      samplers.end();
      await traces.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function listen(server: ReturnType<typeof createServer>, asked: number | undefined): Promise<number> {
  const first = asked ?? usualPort;
  const last = asked === undefined ? first + portsTried : first;
  for (let port = first; ; port++) {
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', () => {
          server.off('error', reject);
          resolve();
        });
      });
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : port;
    } catch (error) {
      if (errorCode(error) !== 'EADDRINUSE') throw error;
      if (port >= last)
        throw new DynamoError('busy', `Port ${port} of 127.0.0.1 is in use.`, {
          hint: 'dynamo ui --port 0',
          fields: { port },
        });
    }
  }
}

async function answer(
  source: Server,
  door: Door,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '', url: path = '/', headers } = request;
  for (const [name, value] of Object.entries(safeHeaders)) response.setHeader(name, value);
  const verdict = verdictOn({ method, path, headers }, door);
  if (verdict.kind === 'refused') {
    request.resume();
    return sendText(response, verdict.status, verdict.why);
  }
  if (verdict.kind === 'login') {
    response.writeHead(303, { location: './', 'set-cookie': verdict.cookie }).end();
    return;
  }
  if (method === 'POST') await post(source, partsOf(path).pathname, request, response);
  else get(source, path, response);
}

function get(source: Server, path: string, response: ServerResponse): void {
  const { folders, environment } = source;
  const { pathname, query } = partsOf(path);
  const runId = query.get('run') ?? undefined;
  if (pathname === '/api/stream') return stream(source, runId, openOutlet(response));
  if (pathname === '/api/trace')
    return sendJson(response, { status: 200, body: { spans: source.traces.spansOf(query.get('id') ?? '') } });
  if (pathname === '/api/logs') {
    const run = storedRuns(folders, isAlive).find(({ record }) => record.runId === runId);
    const plan = run === undefined ? undefined : readPlan(run.files);
    const at = Number(query.get('at'));
    if (plan === undefined || !Number.isFinite(at)) return sendText(response, 404, 'There is no such log.');
    const lines = linesAround(plan, environment, at, linesEachSide);
    return sendJson(response, { status: 200, body: { lines } });
  }
  const file = pageFile(pathname === '/' ? '/index.html' : pathname);
  if (file === undefined) return sendText(response, 404, 'There is no such page.');
  response.writeHead(200, { 'content-type': file.type }).end(file.bytes);
}

async function post(
  { folders }: Server,
  pathname: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readJson(request);
  if (body === undefined)
    return sendJson(response, { status: 400, body: { error: 'This is no JSON object.' } });
  if (pathname === '/api/act' && isAct(body)) return sendJson(response, await act(folders, body));
  if (pathname === '/api/down' && isDown(body)) return sendJson(response, await down(folders, body));
  if (pathname === '/api/try' && isTry(body)) {
    await passOn(folders, body, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendJson(response, refusal(502, error));
    });
    return;
  }
  sendJson(response, { status: 404, body: { error: 'There is no such request.' } });
}

/** `undefined` for what is no JSON, or too long. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > longestBody) return undefined;
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

function sendJson(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}
