/** Talks to an external etcd through its v3 JSON gateway, with the credentials in upstream's variables. */
import { overTls } from '../base/error-code.ts';
import type { Environment } from '../base/environment.ts';
import { readFileSync } from 'node:fs';
import { noAnswer } from './reach.ts';

type Json = Readonly<Record<string, unknown>>;

export interface EtcdSession {
  /** GET without logging in. */
  get(path: string): Promise<Json>;
  /** POST to a method of the v3 API. */
  call(method: string, body: Json): Promise<Json>;
}

const timeoutMs = 3_000;

/** Every method rejects with an error whose message is for people and contains no password. */
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

/** The first address that answers; rejects with the error of the last one. */
export async function firstAnswering(
  addresses: readonly string[],
  environment: Environment,
): Promise<{ readonly address: string; readonly session: EtcdSession }> {
  let reason: unknown = new Error('is not a URL');
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

/** An address without a scheme means plain HTTP, as in upstream's client. */
export function withScheme(address: string): string {
  const bare = address.replace(/\/+$/, '');
  return /^https?:\/\//.test(bare) ? bare : `http://${bare}`;
}

async function exchange(url: string, environment: Environment, body?: Json, token?: string): Promise<Json> {
  const secure = url.startsWith('https:');
  // Loaded on demand: most hosts have no external etcd.
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
      reject(limit.aborted ? noAnswer(timeoutMs) : secure ? overTls(error) : error),
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
    throw new Error(`HTTP ${status}, not from etcd: ${text.slice(0, 80)}`);
  }
  const answer: Json = typeof body === 'object' && body !== null ? { ...body } : {};
  if (status === 200) return answer;
  const said = [answer.message, answer.error].find((one) => typeof one === 'string');
  throw new Error(typeof said === 'string' ? said : `HTTP ${status}`);
}

/** Dynamo reads these as PEM text; users write the path of a file, with which Dynamo 1.1.1, 1.4.2 and 1.6.1 cannot connect. */
const variables = ['ETCD_AUTH_CA', 'ETCD_AUTH_CLIENT_CERT', 'ETCD_AUTH_CLIENT_KEY'] as const;

/** PEM text, given directly or as a path. Throws the error of reading the file. */
function certificateText(value: string): string {
  return value.includes('-----BEGIN ') ? value : readFileSync(value, 'utf8');
}

/** These variables as Dynamo reads them; without those whose file cannot be read. */
export function certificateTexts(environment: Readonly<Record<string, string | undefined>>) {
  const texts: Record<string, string> = {};
  for (const name of variables) {
    const value = environment[name];
    if (!value) continue;
    try {
      texts[name] = certificateText(value);
    } catch {
      // Checking etcd will report it.
    }
  }
  return texts;
}
