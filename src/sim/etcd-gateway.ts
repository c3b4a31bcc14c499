/** Calls on etcd's v3 JSON gateway, which every etcd since 3.4 serves on its client port. */
import { once } from 'node:events';
import { request as plainRequest, type IncomingMessage } from 'node:http';
import type { EtcdSettings } from './etcd-settings.ts';
import { readLines } from './http.ts';

/** etcd has understood and said no; `code` is gRPC's. */
export class EtcdRefusal extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** gRPC's codes that this program reacts to. */
export const refusal = { notFound: 5, alreadyThere: 9, unauthenticated: 16 } as const;
/** Timed out or without a leader: nobody has said no. */
const undecided = new Set([4, 14]);

export type Gateway = ReturnType<typeof etcdGateway>;

/** After a failure the next call goes to the next endpoint: callers try again anyway. */
export function etcdGateway(settings: EtcdSettings) {
  let turn = 0;
  let token: string | undefined;

  const post = async (path: string, body: object, signal: AbortSignal): Promise<IncomingMessage> => {
    const url = `${settings.endpoints[turn % settings.endpoints.length]}${path}`;
    const request = url.startsWith('https:') ? (await import('node:https')).request : plainRequest;
    const headers = token === undefined ? {} : { authorization: token };
    const outgoing = request(url, { method: 'POST', agent: false, signal, headers, ...settings.tls });
    // `once` and the answer report the same errors.
    outgoing.on('error', () => {});
    // A watch waits for hours: a peer that vanished without a word must be noticed.
    outgoing.setSocketKeepAlive(true, 5_000);
    outgoing.end(JSON.stringify(body));
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return response;
  };
  const authenticated = async <T>(limitMs: number, action: () => Promise<T>): Promise<T> => {
    if (settings.username === undefined) return action();
    const login = async (): Promise<void> => {
      token = undefined;
      const body = { name: settings.username, password: settings.password ?? '' };
      const response = await post('/v3/auth/authenticate', body, timeLimit(limitMs));
      token = ((await answerOf(response)) as { token?: string }).token;
    };
    if (token === undefined) await login();
    try {
      return await action();
    } catch (error) {
      // Tokens live for some minutes.
      if (!(error instanceof EtcdRefusal) || error.code !== refusal.unauthenticated) throw error;
      await login();
      return action();
    }
  };
  const failingOver = async <T>(action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof EtcdRefusal)) turn += 1;
      throw error;
    }
  };
  return {
    /** Rejects with `EtcdRefusal`, or with any other error when the endpoint does not answer within the limit. */
    call: (path: string, body: object, limitMs = 2_000): Promise<unknown> =>
      failingOver(() =>
        authenticated(limitMs, async () => answerOf(await post(path, body, timeLimit(limitMs)))),
      ),
    /** What etcd tells until it ends; to be asked for after a `call`, which logs in where that is needed. */
    async *stream(path: string, body: object, signal: AbortSignal): AsyncGenerator {
      const response = await failingOver(() => post(path, body, signal));
      try {
        for await (const line of readLines(response)) if (line !== '') yield JSON.parse(line) as unknown;
      } finally {
        response.destroy();
      }
    },
  };
}

/** Timers of Node take whole milliseconds only. */
function timeLimit(limitMs: number): AbortSignal {
  return AbortSignal.timeout(Math.max(1, Math.ceil(limitMs)));
}

interface Refused {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly error?: unknown;
}

async function answerOf(response: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const part of response.setEncoding('utf8') as AsyncIterable<string>) text += part;
  const answer = parsed(text);
  if (answer === undefined) throw new Error(`not etcd's answer: ${response.statusCode} ${text.slice(0, 80)}`);
  if (response.statusCode === 200 && answer.error === undefined) return answer;
  // 3.6 has left out `error`.
  const message = String(answer.message ?? answer.error);
  if (typeof answer.code !== 'number' || undecided.has(answer.code)) throw new Error(message);
  throw new EtcdRefusal(answer.code, message);
}

function parsed(text: string): Refused | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
