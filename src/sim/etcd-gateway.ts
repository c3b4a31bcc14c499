/** Calls to etcd's v3 JSON gateway, which every etcd since 3.4 serves on its client port. */
import { once } from 'node:events';
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { readLines } from './http.ts';

/** etcd has understood and refused; `code` is gRPC's. */
export class EtcdRefusal extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** The gRPC codes that sim reacts to. */
export const refusal = { notFound: 5, alreadyThere: 9, unauthenticated: 16 } as const;
/** Timed out or without a leader: not a refusal. */
const undecided = new Set([4, 14]);

export type Gateway = ReturnType<typeof etcdGateway>;

/** After a failure, the next call goes to the next endpoint: callers retry anyway. */
export function etcdGateway(settings: EtcdSettings) {
  let turn = 0;
  let token: string | undefined;

  const post = async (path: string, body: object, signal: AbortSignal): Promise<IncomingMessage> => {
    const url = `${settings.endpoints[turn % settings.endpoints.length]}${path}`;
    const request = url.startsWith('https:') ? (await import('node:https')).request : plainRequest;
    const headers = token === undefined ? {} : { authorization: token };
    const outgoing = request(url, { method: 'POST', agent: false, signal, headers, ...settings.tls });
    // `once` and the response report the same errors.
    outgoing.on('error', () => {});
    // A watch stays open for hours: keep-alive detects a peer that has vanished.
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
      // Tokens expire after a few minutes.
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
    /** Rejects with `EtcdRefusal`, or with another error if the endpoint does not answer within the limit. */
    call: (path: string, body: object, limitMs = 2_000): Promise<unknown> =>
      failingOver(() =>
        authenticated(limitMs, async () => answerOf(await post(path, body, timeLimit(limitMs)))),
      ),
    /** Messages of a stream until it ends. Use `call` first: it logs in if needed. */
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

/** Node's timers take whole milliseconds only. */
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
  if (answer === undefined)
    throw new Error(`the answer is not from etcd: ${response.statusCode} ${text.slice(0, 80)}`);
  if (response.statusCode === 200 && answer.error === undefined) return answer;
  // etcd 3.6 no longer sends `error`.
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

/** How etcd is reached, from upstream's variables; docs/upstream/discovery.md#etcd. */
export interface EtcdSettings {
  /** URLs without a trailing slash. */
  readonly endpoints: readonly string[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** PEM texts. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly leaseSeconds: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The variables hold the certificates themselves, as in upstream 1.1.1 to 1.6.1. */
export function etcdSettings(env: Environment): EtcdSettings {
  const given = (env['ETCD_ENDPOINTS'] || 'http://localhost:2379').split(',');
  const { ETCD_AUTH_CA: ca, ETCD_AUTH_CLIENT_CERT: cert, ETCD_AUTH_CLIENT_KEY: key } = env;
  return {
    endpoints: given
      .map((one) => one.trim().replace(/\/+$/, ''))
      .flatMap((one) => (one ? withScheme(one) : [])),
    username: env['ETCD_AUTH_USERNAME'] || undefined,
    password: env['ETCD_AUTH_PASSWORD'],
    tls: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
    // 10 s up to 1.5, 30 s in 1.6.1; the variable is read since 1.4. Source: docs/upstream/discovery.md#leases.
    leaseSeconds: Math.max(1, Math.floor(Number(env['ETCD_LEASE_TTL']) || 10)),
  };
}

function withScheme(endpoint: string): string {
  return endpoint.includes('://') ? endpoint : `http://${endpoint}`;
}
