/** Checks an external NATS with NATS's own client: connects, logs in, and reads what the server reports about itself. Changes nothing there. */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions, ServerInfo } from '@nats-io/transport-node';
import { errorCode, messageOf, overTls } from '../base/error-code.ts';
import type { ExternalInfra } from '../plan/infra.ts';
import { natsMaxPayloadBytes } from '../plan/infra-programs.ts';
import type { Environment } from '../base/environment.ts';
import { isSilence, noAnswer, reasonOf } from './reach.ts';

const timeoutMs = 3_000;
const defaultPort = 4222;

/**
 * `servers`: as in NATS_SERVER; the first that answers counts. Addresses are `tls://` where TLS is spoken: Dynamo 1.6
 * fails with `channel closed` otherwise.
 */
export async function lookAtNats(servers: string, environment: Environment): Promise<ExternalInfra> {
  const addresses = servers.split(',').map((part) => withScheme(part.trim()));
  const silent: string[] = [];
  for (const address of addresses) {
    try {
      const { info, secure } = await meet(new URL(address), environment);
      return {
        addresses: addresses.map((each) => (secure ? each.replace(/^nats:/, 'tls:') : each)),
        version: info.version,
        about: `${aboutOf(info)}${secure ? ', over TLS' : ''}`,
      };
    } catch (error) {
      const reason = addresses.length > 1 ? `${address}: ${reasonOf(error)}` : reasonOf(error);
      if (!isSilence(error)) return { addresses, wrong: reason };
      silent.push(reason);
    }
  }
  return { addresses, silent: silent.join(', ') };
}

function withScheme(address: string): string {
  return /^\w+:\/\//.test(address) ? address : `nats://${address}`;
}

interface Met {
  readonly info: ServerInfo;
  readonly secure: boolean;
}

/** Rejects, with a message for users, if the server does not answer or refuses us. */
async function meet({ protocol, hostname, host, port }: URL, environment: Environment): Promise<Met> {
  const files = certificates(environment);
  const options = {
    servers: port === '' ? `${host}:${defaultPort}` : host,
    timeout: timeoutMs,
    reconnect: false,
    ...(await login(environment)),
  };
  // Without `host`, transport-node 3.3.1 expects `localhost` in the certificate if the address is an IP address.
  const secured = { ...options, tls: { ...files, host: hostname.replace(/^\[|\]$/g, '') } };
  if (protocol === 'tls:' || Object.keys(files).length > 0) {
    return { info: await greeted(secured), secure: true };
  }
  try {
    return { info: await greeted({ ...options, tls: null }), secure: false };
  } catch (error) {
    if (isSilence(error)) throw error;
    // A server that requires TLS refuses a plain connection.
    return await greeted(secured).then(
      (info) => ({ info, secure: true }),
      (reason: unknown) => Promise.reject(messageOf(reason) === noTls ? error : reason),
    );
  }
}

const noTls = 'it does not speak TLS';

/**
 * The client is loaded on demand, since most hosts have no NATS. transport-node 3.3.1 leaves the connection to a server that
 * never answers open, until the server closes it or this process ends.
 */
async function greeted(options: ConnectionOptions): Promise<ServerInfo> {
  const { connect } = await import('./nats-client.ts');
  try {
    const connection = await connect(options);
    const { info } = connection;
    await connection.close();
    if (info === undefined) throw new Error('it does not say what it is');
    return info;
  } catch (error) {
    const reason = inWords(error);
    throw options.tls === null ? reason : overTls(reason);
  }
}

/** The client's errors, in the words of the other checks. */
function inWords(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (error.name === 'AuthorizationError') return new Error(`it refuses us: ${error.message}`);
  if (error.name === 'TimeoutError') return noAnswer(timeoutMs);
  if (error.message === "server does not support 'tls'") return new Error(noTls);
  if (/undefined error/.test(error.message)) {
    return new Error('the connection was closed, and no NATS said hello');
  }
  return errorCode(error.cause) === undefined ? error : error.cause;
}

/** Variables of Dynamo since 1.5. Source: docs/upstream/discovery.md#logins. */
function certificates(environment: Environment): { ca?: string; cert?: string; key?: string } {
  const {
    NATS_TLS_CA_CERT_PATH: ca,
    NATS_TLS_CLIENT_CERT_PATH: cert,
    NATS_TLS_CLIENT_KEY_PATH: key,
  } = environment;
  return {
    ...(ca ? { ca: readFileSync(ca, 'utf8') } : {}),
    ...(cert ? { cert: readFileSync(cert, 'utf8') } : {}),
    ...(key ? { key: readFileSync(key, 'utf8') } : {}),
  };
}

async function login(
  environment: Environment,
): Promise<Pick<ConnectionOptions, 'user' | 'pass' | 'token' | 'authenticator'>> {
  const {
    NATS_AUTH_USERNAME: user,
    NATS_AUTH_PASSWORD: pass,
    NATS_AUTH_TOKEN: token,
    NATS_AUTH_NKEY: seed,
    NATS_AUTH_CREDENTIALS_FILE: credentials,
  } = environment;
  if (user) return { user, pass: pass ?? '' };
  if (token) return { token };
  if (!seed && !credentials) return {};
  const { credsAuthenticator, nkeyAuthenticator } = await import('./nats-client.ts');
  if (seed) return { authenticator: nkeyAuthenticator(Buffer.from(seed)) };
  return { authenticator: credsAuthenticator(readFileSync(credentials ?? '')) };
}

function aboutOf({ jetstream, max_payload: payload }: ServerInfo): string {
  return [
    jetstream === true ? 'with JetStream' : 'without JetStream',
    ...(payload < natsMaxPayloadBytes ? [`takes only ${Math.floor(payload / 1024)} KiB a message`] : []),
  ].join(', ');
}
