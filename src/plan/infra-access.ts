/** Refuses a way into an external etcd or NATS that the installed Dynamo cannot go, before it tries in vain. */
import { DynamoError } from '../base/error.ts';
import { compareVersions } from '../base/package-version.ts';
import type { InfraName, InfraUse, InfraUses } from './infra.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The first with variables for it; before, it panics in its TLS library. Seen with 1.1.1, 1.4.2 and 1.6.1. */
const firstNatsOverTls = '1.5.dev0';

/** Largest value of a variable on Linux, less its name; PEM is one byte a letter. */
const maxTextLength = 128 * 1024 - 64;

/** `dynamoVersion`: of the Dynamo that will be started. Throws `unavailable`. */
export function requireAccess(uses: InfraUses, environment: Environment, dynamoVersion: string): void {
  if (uses.etcd?.from === 'external') requireEtcdAccess(uses.etcd, environment);
  const { nats } = uses;
  if (nats?.from !== 'external' || !nats.addresses.some((each) => each.startsWith('tls:'))) return;
  if (compareVersions(dynamoVersion, firstNatsOverTls) >= 0) return;
  throw refusal(
    'nats',
    nats,
    `it is spoken with over TLS, which Dynamo ${dynamoVersion} cannot do; 1.5 can`,
    '--events zmq   # or: dynamo setup, which installs a newer Dynamo',
  );
}

/**
 * A login wins over certificates, which are not read then, and those count only when all three are there. Seen with
 * 1.1.1, 1.4.2 and 1.6.1.
 */
function requireEtcdAccess(use: InfraUse, environment: Environment): void {
  if (!use.addresses.some((each) => each.startsWith('https:'))) return;
  const {
    ETCD_AUTH_USERNAME: username,
    ETCD_AUTH_CA: ca,
    ETCD_AUTH_CLIENT_CERT: cert,
    ETCD_AUTH_CLIENT_KEY: key,
  } = environment;
  const given = [ca, cert, key].filter(Boolean);
  if (given.length === 0) return;
  const fix =
    'http:// with the login, or https:// with a ca, a cert and a key and no login   # or: --discovery file';
  if (username) {
    const why =
      'there is a login beside certificates: Dynamo takes one of the two, and the login without TLS';
    throw refusal('etcd', use, why, fix);
  }
  if (given.length < 3) {
    throw refusal('etcd', use, 'Dynamo takes the certificates as a ca, a cert and a key, or not at all', fix);
  }
  if (given.some((text) => (text?.length ?? 0) > maxTextLength)) {
    const why = 'Dynamo takes certificates as text in variables, and Linux takes 128 KiB in each';
    throw refusal('etcd', use, why, 'a file with the one authority that signed it, as ca');
  }
}

function refusal(name: InfraName, use: InfraUse, why: string, hint: string): DynamoError {
  const place = use.from === 'external' ? use.profileKey : undefined;
  const variable = name === 'etcd' ? 'ETCD_ENDPOINTS' : 'NATS_SERVER';
  return new DynamoError('unavailable', `${place ?? variable}=${use.addresses.join(',')}: ${why}.`, { hint });
}
