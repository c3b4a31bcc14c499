/** Speaks with an etcd that is not ours, through its v3 JSON gateway, as upstream's variables say who we are. */
import { overTls } from '../base/error-code.ts';
import type { Environment } from '../base/environment.ts';
import { readFileSync } from 'node:fs';

type Json = Readonly<Record<string, unknown>>;

interface EtcdSession {
  /** GET without logging in. */
  get(path: string): Promise<Json>;
  /** POST to a method of the v3 API. */
  call(method: string, body: Json): Promise<Json>;
}

const timeoutMs = 3_000;

/** Every method rejects with an error whose message is for people. No password stands in it. */
export function etcdSession(address: string, environment: Environment): EtcdSession {
  const { ETCD_AUTH_USERNAME: name, ETCD_AUTH_PASSWORD: password } = environment;
  let token: Promise<string | undefined> | undefined;
  const logIn = async (): Promise<string | undefined> => {
    if (!name) return undefined;
    const answer = await exchange(`${address}/v3/auth/authenticate`, environment, {
      name,
      password: password ?? '',
    });
    return typeof answer.token === 'string' ? answer.token : undefined;
  };
  return {
    get: (path) => exchange(address + path, environment),
    call: async (method, body) => {
      token ??= logIn();
      return await exchange(`${address}/v3/${method}`, environment, body, await token);
    },
  };
}

/** The first of these that answers; rejects with what the last one said. */
export async function firstAnswering(
  addresses: readonly string[],
  environment: Environment,
): Promise<{ readonly address: string; readonly session: EtcdSession }> {
  let reason: unknown = new Error('no address');
  for (const address of addresses) {
    const session = etcdSession(address, environment);
    try {
      await session.get('/version');
      return { address, session };
    } catch (error) {
      reason = error;
    }
  }
  throw reason;
}

/** An address without a scheme is plain HTTP, as upstream's client takes it. */
export function withScheme(address: string): string {
  const bare = address.replace(/\/+$/, '');
  return /^https?:\/\//.test(bare) ? bare : `http://${bare}`;
}

async function exchange(url: string, environment: Environment, body?: Json, token?: string): Promise<Json> {
  const secure = url.startsWith('https:');
  // Most hosts have no etcd to ask, and should not wait for the code.
  const { request } = secure ? await import('node:https') : await import('node:http');
  const limit = AbortSignal.timeout(timeoutMs);
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const call = request(
      url,
      {
        method: payload === undefined ? 'GET' : 'POST',
        agent: false,
        signal: limit,
        headers: {
          ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: token }),
        },
        ...(secure ? certificates(environment) : {}),
      },
      (response) => {
        let whole = '';
        response.setEncoding('utf8').on('data', (part: string) => (whole += part));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: whole }));
        response.on('error', reject);
      },
    );
    call.on('error', (error) =>
      reject(limit.aborted ? new Error(`no answer within ${timeoutMs} ms`) : secure ? overTls(error) : error),
    );
    call.end(payload);
  });
  return judged(status, text);
}

function certificates(environment: Environment): { ca?: string; cert?: string; key?: string } {
  const { ETCD_AUTH_CA: ca, ETCD_AUTH_CLIENT_CERT: cert, ETCD_AUTH_CLIENT_KEY: key } = environment;
  return {
    ...(ca ? { ca: certificateText(ca) } : {}),
    ...(cert ? { cert: certificateText(cert) } : {}),
    ...(key ? { key: certificateText(key) } : {}),
  };
}

/** Errors of the gateway are JSON with `message` (3.5) or `error` (3.4). */
function judged(status: number, text: string): Json {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Error(`HTTP ${status}, and no etcd: ${text.slice(0, 80)}`);
  }
  const answer: Json = typeof body === 'object' && body !== null ? { ...body } : {};
  if (status === 200) return answer;
  const said = [answer.message, answer.error].find((one) => typeof one === 'string');
  throw new Error(typeof said === 'string' ? said : `HTTP ${status}`);
}

/** Seen with Dynamo 1.1.1, 1.4.2 and 1.6.1: with a path in them it says that etcd cannot be connected to. */
const variables = ['ETCD_AUTH_CA', 'ETCD_AUTH_CLIENT_CERT', 'ETCD_AUTH_CLIENT_KEY'] as const;

/** PEM text, given as such or as a path. Throws what reading the file throws. */
function certificateText(value: string): string {
  return value.includes('-----BEGIN ') ? value : readFileSync(value, 'utf8');
}

/** These variables as Dynamo takes them; one whose file cannot be read is left out. */
export function certificateTexts(environment: Readonly<Record<string, string | undefined>>) {
  const texts: Record<string, string> = {};
  for (const name of variables) {
    const value = environment[name];
    if (!value) continue;
    try {
      texts[name] = certificateText(value);
    } catch {
      // Who looks at etcd with it says so.
    }
  }
  return texts;
}
