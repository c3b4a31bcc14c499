/** The server of `dynamo ui` as a program uses it: its link, its cookie, its answers and its stream. */
import { request as httpRequest } from 'node:http';
import { expect } from 'vitest';
import { type Session, start } from './cli.ts';
import type { World } from './world.ts';
import { until } from '../../support/until.ts';

export interface Served {
  readonly session: Session;
  readonly port: number;
  readonly token: string;
  readonly cookie: string;
}

export async function servePage(world: World, ...words: readonly string[]): Promise<Served> {
  const session = start(world, ['ui', '--no-browser', '--port', '0', '--otlp-port', '0', ...words]);
  await session.until(/\?token=/);
  const [, port = '', token = ''] = /127\.0\.0\.1:(\d+)\/\?token=([\w-]+)/.exec(session.stdout()) ?? [];
  const { headers } = await ask(Number(port), { path: `/?token=${token}` });
  const cookie = String(headers['set-cookie']).split(';')[0] ?? '';
  return { session, port: Number(port), token, cookie };
}

/** Ctrl-C. */
export async function leave({ session }: Served): Promise<void> {
  session.child.kill('SIGINT');
  expect((await session.ended).code).toBe(130);
}

export interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Answered {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
}

/** Not `fetch`, which sets Host and Origin itself. */
export async function ask(
  port: number,
  { method = 'GET', path = '/', headers = {}, body }: Asked,
): Promise<Answered> {
  return await new Promise((resolve, reject) => {
    // For DELETE and OPTIONS, Node sends no length by itself.
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const options = { host: '127.0.0.1', port, method, path, headers: { ...length, ...headers } };
    const request = httpRequest(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** The stream of messages, as text. */
export function follow({ port, cookie }: Served, path: string) {
  const left = new AbortController();
  let text = '';
  const request = httpRequest({ host: '127.0.0.1', port, path, headers: { cookie }, signal: left.signal });
  request.on('response', (response) => {
    response.setEncoding('utf8');
    response.on('data', (part: string) => (text += part));
    response.on('error', () => {});
  });
  request.on('error', () => {});
  request.end();
  return {
    until: async (pattern: RegExp): Promise<boolean> =>
      await until(`${pattern} in the stream: ${text.slice(-2_000)}`, () =>
        text.split('\n').some((line) => pattern.test(line)),
      ),
    lines: (): string[] => text.split('\n'),
    leave: () => left.abort(),
  };
}
