/** Says with upstream's variables what a profile says of an etcd and a NATS of others. */
import type { ExternalEtcd, ExternalNats, Profile, SecretReference } from '../profile/profile.ts';
import { loginVariables } from './infra-variables.ts';
import type { InfraName } from './infra.ts';

/** How what a profile refers to is read; `undefined` for what it does not say. */
export interface ReferenceReader {
  /** `key`: as in the profile, for errors. */
  readonly secret: (key: string, reference: SecretReference | undefined) => string | undefined;
  /** A path as programs take it. */
  readonly path: (written: string | undefined) => string | undefined;
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * `undefined` for those that must not be set: a login that is meant for one server is shown to no other. Nothing when
 * the profile does not name it.
 */
export function variablesOfProfile(
  name: InfraName,
  { infra }: Pick<Profile, 'infra'>,
  environment: Variables,
  reader: ReferenceReader,
): Variables {
  const said = name === 'etcd' ? etcdVariables(infra?.etcd, reader) : natsVariables(infra?.nats, reader);
  if (said === undefined) return {};
  const inherited = loginVariables(name, environment).map((variable) => [variable, undefined]);
  return { ...Object.fromEntries(inherited), ...said };
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
 * Dynamo has NATS_TLS_… since 1.5; before, it trusts the authorities of this host only.
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
