/** The variables with which upstream logs in to an etcd or a NATS that is not ours: passed on, never shown. */
import { infraNames, type InfraName, type InfraPlan, type InfraUses } from './infra.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Source: docs/upstream/discovery.md#logins. */
const patterns: Readonly<Record<InfraName, RegExp>> = {
  etcd: /^ETCD_AUTH_(USERNAME|PASSWORD|CA|CLIENT_CERT|CLIENT_KEY)$/,
  nats: /^NATS_(AUTH_(USERNAME|PASSWORD|TOKEN|NKEY|CREDENTIALS_FILE)|TLS_\w+)$/,
};

/** Names of the variables in `environment` that say who we are and whom we trust. */
export function loginVariables(name: InfraName, environment: Environment): string[] {
  return Object.keys(environment).filter((variable) => patterns[name].test(variable));
}

/** Names of inherited variables that processes get because an external etcd or NATS may want them. */
export function accessVariables(uses: InfraUses, environment: Environment): string[] {
  return infraNames.flatMap((name) =>
    uses[name]?.from === 'external' ? loginVariables(name, environment) : [],
  );
}

const places: Readonly<Record<InfraName, string>> = { etcd: 'ETCD_ENDPOINTS', nats: 'NATS_SERVER' };

/** Inherited variables without a say: what names an external one that is used has had its. */
export function ignoredVariables({
  scrubbed,
  infra,
}: {
  readonly scrubbed: readonly string[];
  readonly infra?: InfraPlan | undefined;
}): string[] {
  const heard = infraNames.flatMap((name) => (infra?.[name]?.from === 'external' ? [places[name]] : []));
  return scrubbed.filter((name) => !heard.includes(name));
}

/** Files that some of these variables name; certificates for etcd stand in theirs as text. */
const fileVariables = /^NATS_(AUTH_CREDENTIALS_FILE|TLS_\w+_PATH)$/;

/** Absolute paths of the files that `variables` name. */
export function accessFiles(variables: readonly string[], environment: Environment): string[] {
  return variables
    .filter((name) => fileVariables.test(name))
    .flatMap((name) => (environment[name]?.startsWith('/') ? [environment[name]] : []));
}

/**
 * The variables that say the same as these do, with credentials out of the addresses: addresses are printed and stored.
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
