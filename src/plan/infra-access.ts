/** Logins and certificates for an external etcd or NATS: which variables carry them, where a profile names them, and what Dynamo cannot use. */
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { compareVersions } from '../base/package-version.ts';
import type { ExternalEtcd, ExternalNats, Profile, SecretReference } from '../profile/profile.ts';
import {
  type AccessPlaces,
  type InfraName,
  infraNames,
  type InfraPlan,
  type InfraUse,
  type InfraUses,
  type Place,
} from './infra.ts';

/** The first version with variables for it; earlier ones panic in their TLS library. Seen with 1.1.1, 1.4.2 and 1.6.1. */
const firstNatsOverTls = '1.5.dev0';

/** The largest value of a variable on Linux, minus its name; a PEM character is one byte. */
const maxTextLength = 128 * 1024 - 64;

/** `dynamoVersion`: the version that will be started. Throws `unavailable`. */
export function requireAccess(uses: InfraUses, environment: Environment, dynamoVersion: string): void {
  if (uses.etcd?.from === 'external') requireEtcdAccess(uses.etcd, environment);
  const { nats } = uses;
  if (nats?.from !== 'external' || !nats.addresses.some((each) => each.startsWith('tls:'))) return;
  if (compareVersions(dynamoVersion, firstNatsOverTls) >= 0) return;
  throw refusal(
    'nats',
    nats,
    `it requires TLS, which Dynamo ${dynamoVersion} does not support; 1.5 does`,
    '--events zmq   # or: dynamo setup, which installs a newer Dynamo',
  );
}

/**
 * Dynamo prefers a login over certificates, which it then does not read; it uses certificates only when all three are
 * set. Seen with 1.1.1, 1.4.2 and 1.6.1.
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
    'use http:// with the login, or https:// with ca, cert and key but no login   # or: --discovery file';
  if (username) {
    const why =
      'a login and certificates are set: Dynamo uses only one of the two, and the login without TLS';
    throw refusal('etcd', use, why, fix);
  }
  if (given.length < 3) {
    throw refusal('etcd', use, 'Dynamo needs all three certificate files (ca, cert and key) or none', fix);
  }
  if (given.some((text) => (text?.length ?? 0) > maxTextLength)) {
    const why = 'Dynamo reads certificates from environment variables, and Linux limits each to 128 KiB';
    throw refusal('etcd', use, why, 'use a ca file with only the authority that signed it');
  }
}

function refusal(name: InfraName, use: InfraUse, why: string, hint: string): DynamoError {
  const place = use.from === 'external' ? use.profileKey : undefined;
  const variable = name === 'etcd' ? 'ETCD_ENDPOINTS' : 'NATS_SERVER';
  return new DynamoError('unavailable', `${place ?? variable}=${use.addresses.join(',')}: ${why}.`, {
    hint,
    fields: { address: use.addresses.join(','), key: place, variable },
  });
}

/** Source: docs/upstream/discovery.md#logins. */
const patterns: Readonly<Record<InfraName, RegExp>> = {
  etcd: /^ETCD_AUTH_(USERNAME|PASSWORD|CA|CLIENT_CERT|CLIENT_KEY)$/,
  nats: /^NATS_(AUTH_(USERNAME|PASSWORD|TOKEN|NKEY|CREDENTIALS_FILE)|TLS_\w+)$/,
};

/** Names of the variables in `environment` that hold credentials or certificates. */
export function loginVariables(name: InfraName, environment: Environment): string[] {
  return Object.keys(environment).filter((variable) => patterns[name].test(variable));
}

/** Names of inherited variables that processes get because an external etcd or NATS may need them. */
export function accessVariables(uses: InfraUses, environment: Environment): string[] {
  return infraNames.flatMap((name) =>
    uses[name]?.from === 'external' ? loginVariables(name, environment) : [],
  );
}

const addressVariables: Readonly<Record<InfraName, string>> = { etcd: 'ETCD_ENDPOINTS', nats: 'NATS_SERVER' };

/** Inherited variables that have no effect. The address of an external etcd or NATS in use is not one of them. */
export function ignoredVariables({
  scrubbed,
  infra,
}: {
  readonly scrubbed: readonly string[];
  readonly infra?: InfraPlan | undefined;
}): string[] {
  const used = infraNames.flatMap((name) =>
    infra?.[name]?.from === 'external' ? [addressVariables[name]] : [],
  );
  return scrubbed.filter((name) => !used.includes(name));
}

/** Variables that name a file; those for etcd contain the certificate itself. */
const fileVariables = /^NATS_(AUTH_CREDENTIALS_FILE|TLS_\w+_PATH)$/;

/** Absolute paths of the files that `variables` name. */
export function accessFiles(variables: readonly string[], environment: Environment): string[] {
  return variables
    .filter((name) => fileVariables.test(name))
    .flatMap((name) => (environment[name]?.startsWith('/') ? [environment[name]] : []));
}

/**
 * The same variables with the credentials taken out of the addresses, since addresses are printed and stored.
 * `nats://user:password@host` becomes `nats://host` and NATS_AUTH_USERNAME and NATS_AUTH_PASSWORD.
 */
export function withoutCredentials({ ETCD_ENDPOINTS, NATS_SERVER }: Environment): Record<string, string> {
  return {
    ...(ETCD_ENDPOINTS ? taken('ETCD_ENDPOINTS', ETCD_ENDPOINTS, 'ETCD_AUTH') : {}),
    ...(NATS_SERVER ? taken('NATS_SERVER', NATS_SERVER, 'NATS_AUTH') : {}),
  };
}

function taken(variable: string, list: string, prefix: string): Record<string, string> {
  const found: Record<string, string> = {};
  const addresses = list.split(',').map((part) => {
    const [, scheme = '', user, password, rest = ''] =
      /^(\w+:\/\/)?(?:([^@/:]*)(?::([^@/]*))?@)?(.*)$/.exec(part.trim()) ?? [];
    if (user !== undefined && password !== undefined) {
      found[`${prefix}_USERNAME`] = decodeURIComponent(user);
      found[`${prefix}_PASSWORD`] = decodeURIComponent(password);
    } else if (user !== undefined) found[`${prefix}_TOKEN`] = decodeURIComponent(user);
    return scheme + rest;
  });
  return Object.keys(found).length === 0 ? {} : { ...found, [variable]: addresses.join(',') };
}

/** Reads what a profile refers to; `undefined` for what it does not set. */
export interface ReferenceReader {
  /** `key`: the key in the profile, for errors. */
  readonly secret: (key: string, reference: SecretReference | undefined) => string | undefined;
  /** A path with `~` expanded. */
  readonly path: (written: string | undefined) => string | undefined;
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * `undefined` for variables that must not be set: a login for one server is never sent to another. Empty when the profile
 * does not name the service.
 */
export function variablesOfProfile(
  name: InfraName,
  { infra }: Pick<Profile, 'infra'>,
  environment: Variables,
  reader: ReferenceReader,
): Variables {
  const set = name === 'etcd' ? etcdVariables(infra?.etcd, reader) : natsVariables(infra?.nats, reader);
  if (set === undefined) return {};
  const inherited = loginVariables(name, environment).map((variable) => [variable, undefined]);
  return { ...Object.fromEntries(inherited), ...set };
}

function etcdVariables(
  etcd: ExternalEtcd | undefined,
  { secret, path }: ReferenceReader,
): Variables | undefined {
  if (etcd === undefined) return undefined;
  const { ca, cert, key } = etcd.tls ?? {};
  return {
    ETCD_ENDPOINTS: etcd.endpoints.join(','),
    ETCD_AUTH_USERNAME: etcd.username,
    ETCD_AUTH_PASSWORD: secret('infra.etcd.password', etcd.password),
    ETCD_AUTH_CA: path(ca),
    ETCD_AUTH_CLIENT_CERT: path(cert),
    ETCD_AUTH_CLIENT_KEY: path(key),
  };
}

/**
 * Dynamo reads NATS_TLS_… since 1.5; earlier versions trust only the certificate authorities of this host.
 * Source: docs/upstream/discovery.md#logins.
 */
function natsVariables(
  nats: ExternalNats | undefined,
  { secret, path }: ReferenceReader,
): Variables | undefined {
  if (nats === undefined) return undefined;
  const { ca, cert, key } = nats.tls ?? {};
  return {
    NATS_SERVER: nats.servers.join(','),
    NATS_AUTH_USERNAME: nats.username,
    NATS_AUTH_PASSWORD: secret('infra.nats.password', nats.password),
    NATS_AUTH_TOKEN: secret('infra.nats.token', nats.token),
    NATS_AUTH_NKEY: secret('infra.nats.nkey', nats.nkey),
    NATS_AUTH_CREDENTIALS_FILE: path(nats.credentialsFile),
    NATS_TLS_CA_CERT_PATH: path(ca),
    NATS_TLS_CLIENT_CERT_PATH: path(cert),
    NATS_TLS_CLIENT_KEY_PATH: path(key),
  };
}

/** Where the credentials for an external etcd are stored. `etcd`: from the profile; if absent, from the environment. */
export function accessPlaces(
  etcd: ExternalEtcd | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): AccessPlaces {
  if (etcd === undefined) {
    return Object.fromEntries(loginVariables('etcd', environment).map((name) => [name, { env: name }]));
  }
  const { username, password, tls } = etcd;
  const places: Readonly<Record<string, Place | undefined>> = {
    ETCD_AUTH_USERNAME: username === undefined ? undefined : { value: username },
    ETCD_AUTH_PASSWORD: placeOf(password),
    ETCD_AUTH_CA: placeOf({ file: tls?.ca }),
    ETCD_AUTH_CLIENT_CERT: placeOf({ file: tls?.cert }),
    ETCD_AUTH_CLIENT_KEY: placeOf({ file: tls?.key }),
  };
  return Object.fromEntries(
    Object.entries(places).flatMap(([name, place]) => (place === undefined ? [] : [[name, place]])),
  );
}

function placeOf(reference: SecretReference | undefined): Place | undefined {
  if (reference?.env !== undefined) return { env: reference.env };
  return reference?.file === undefined ? undefined : { file: reference.file };
}
