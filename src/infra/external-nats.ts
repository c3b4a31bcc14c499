/** Looks at an external NATS: reads its banner, logs in, and asks for a sign of life. Changes nothing there. */
import { readFileSync } from 'node:fs';
import { connect, isIP, type Socket } from 'node:net';
import { overTls } from '../base/error-code.ts';
import type { Environment } from '../base/environment.ts';
import type { ExternalInfra } from '../plan/infra.ts';
import { natsMaxPayloadBytes } from '../plan/infra-programs.ts';
import { isSilence, noAnswer, reasonOf } from './reach.ts';

const timeoutMs = 3_000;
const defaultPort = 4222;

/** The part of the banner that matters. Source: INFO of the NATS protocol. */
interface Banner {
  readonly version?: string;
  readonly jetstream?: boolean;
  readonly max_payload?: number;
  readonly auth_required?: boolean;
  readonly tls_required?: boolean;
  readonly tls_available?: boolean;
}

/**
 * `servers`: as in NATS_SERVER; the first that answers counts. Addresses are `tls://` where TLS is spoken: Dynamo 1.6
 * fails with `channel closed` when it is not told.
 */
export async function lookAtNats(servers: string, environment: Environment): Promise<ExternalInfra> {
  const addresses = servers.split(',').map((part) => withScheme(part.trim()));
  const silent: string[] = [];
  for (const address of addresses) {
    try {
      const { secure, ...found } = await meet(new URL(address), environment);
      const told = addresses.map((each) => (secure ? each.replace(/^nats:/, 'tls:') : each));
      return { addresses: told, ...found };
    } catch (error) {
      if (!isSilence(error)) return { addresses, wrong: `${address}: ${reasonOf(error)}` };
      silent.push(addresses.length > 1 ? `${address}: ${reasonOf(error)}` : reasonOf(error));
    }
  }
  return { addresses, silent: silent.join(', ') };
}

function withScheme(address: string): string {
  return /^\w+:\/\//.test(address) ? address : `nats://${address}`;
}

/** Rejects when nobody answers. */
async function meet(
  url: URL,
  environment: Environment,
): Promise<Omit<ExternalInfra, 'addresses'> & { readonly secure: boolean }> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const plain = connect({ host, port: Number(url.port) || defaultPort });
  plain.setTimeout(timeoutMs, () => plain.destroy(noAnswer(timeoutMs)));
  try {
    const banner = parseBanner(await nextLine(plain, /^INFO (.*)$/));
    const version = banner.version ?? 'unknown';
    const wanted = url.protocol === 'tls:' || Object.keys(certificates(environment)).length > 0;
    const { tls_required: required = false, tls_available: offered = required } = banner;
    if (wanted && !offered) return { version, wrong: 'it speaks no TLS', secure: false };
    const secure = wanted || required;
    const untried = onlyDynamoCan(banner, environment);
    const about = `${aboutOf(banner)}${secure ? ', over TLS' : ''}`;
    if (untried !== undefined) return { version, about: `${about}, login by ${untried} not tried`, secure };
    const answer = await answerTo(introduction(environment), plain, host, secure, environment);
    if (answer !== 'PONG')
      return { version, wrong: `it refuses us: ${answer.slice('-ERR '.length)}`, secure };
    return { version, about, secure };
  } finally {
    plain.destroy();
  }
}

/** PONG, or what it has against us. The banner comes in plain text also where everything after it is over TLS. */
async function answerTo(
  words: Record<string, unknown>,
  plain: Socket,
  host: string,
  secure: boolean,
  environment: Environment,
): Promise<string> {
  try {
    const socket = secure
      ? (await import('node:tls')).connect({
          socket: plain,
          ...(isIP(host) === 0 ? { servername: host } : { host }),
          ...certificates(environment),
        })
      : plain;
    socket.write(`CONNECT ${JSON.stringify(words)}\r\nPING\r\n`);
    return await nextLine(socket, /^(PONG|-ERR .*)$/);
  } catch (error) {
    throw secure ? overTls(error) : error;
  }
}

/** Variables of Dynamo since 1.5. Source: docs/upstream/discovery.md#logins. */
function certificates(environment: Environment): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  const {
    NATS_TLS_CA_CERT_PATH: ca,
    NATS_TLS_CLIENT_CERT_PATH: cert,
    NATS_TLS_CLIENT_KEY_PATH: key,
  } = environment;
  return {
    ...(ca ? { ca: readFileSync(ca) } : {}),
    ...(cert ? { cert: readFileSync(cert) } : {}),
    ...(key ? { key: readFileSync(key) } : {}),
  };
}

/** The variable behind a login that only Dynamo's client can try. */
function onlyDynamoCan(banner: Banner, environment: Environment): string | undefined {
  if (banner.auth_required !== true) return undefined;
  return ['NATS_AUTH_NKEY', 'NATS_AUTH_CREDENTIALS_FILE'].find((name) => Boolean(environment[name]));
}

function introduction(environment: Environment): Record<string, unknown> {
  const { NATS_AUTH_USERNAME: user, NATS_AUTH_PASSWORD: pass, NATS_AUTH_TOKEN: token } = environment;
  return {
    verbose: false,
    pedantic: false,
    lang: 'dynamo-launcher',
    version: '1',
    ...(user ? { user, pass: pass ?? '' } : {}),
    ...(token ? { auth_token: token } : {}),
  };
}

function aboutOf(banner: Banner): string {
  const payload = banner.max_payload ?? 0;
  return [
    banner.jetstream === true ? 'with JetStream' : 'without JetStream',
    ...(payload < natsMaxPayloadBytes ? [`takes only ${Math.floor(payload / 1024)} KiB a message`] : []),
  ].join(', ');
}

function parseBanner(line: string): Banner {
  const banner: unknown = JSON.parse(line.slice('INFO '.length));
  return typeof banner === 'object' && banner !== null ? banner : {};
}

/** The first line that matches. Rejects when the connection ends before. */
async function nextLine(socket: Socket, pattern: RegExp): Promise<string> {
  return await new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (part: Buffer) => {
      text += part.toString('utf8');
      const found = text
        .split('\r\n')
        .slice(0, -1)
        .find((line) => pattern.test(line));
      if (found === undefined) return;
      socket.removeAllListeners('data');
      resolve(found);
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed, and no NATS said hello')));
  });
}
