/** Whether what a profile says of an etcd and a NATS of others is enough to log in, and not two things at once. */
import type { ExternalEtcd, ExternalNats, SecretReference, TlsFiles } from './infra-schema.ts';
import type { ProfileDocument } from './schema.ts';
import type { ShapeFault } from './workers.ts';

export function infraFaults({ infra }: Pick<ProfileDocument, 'infra'>): ShapeFault[] {
  return [
    ...(infra?.etcd === undefined ? [] : etcdFaults(infra.etcd)),
    ...(infra?.nats === undefined ? [] : natsFaults(infra.nats)),
  ];
}

function etcdFaults({ endpoints, username, password, tls }: ExternalEtcd): ShapeFault[] {
  const at = ['infra', 'etcd'];
  const plain = endpoints.find((each) => !each.startsWith('https://'));
  return [
    ...loginFaults(at, username, password),
    ...referenceFaults(at, { password }),
    ...pairFaults(at, tls),
    ...(tls === undefined || plain === undefined
      ? []
      : [fault([...at, 'tls'], `is for https, and an endpoint is ${plain}`, `write https:// before it`)]),
  ];
}

function natsFaults(spec: ExternalNats): ShapeFault[] {
  const at = ['infra', 'nats'];
  const { username, password, token, nkey, credentialsFile, tls } = spec;
  const logins = Object.entries({ username, token, nkey, credentialsFile }).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  );
  return [
    ...loginFaults(at, username, password),
    ...referenceFaults(at, { password, token, nkey }),
    ...pairFaults(at, tls),
    ...logins.slice(1).map((name) => fault([...at, name], `stands beside ${logins[0]}`, 'keep one login')),
  ];
}

function loginFaults(
  at: readonly string[],
  username: string | undefined,
  password: SecretReference | undefined,
): ShapeFault[] {
  if (username !== undefined && password === undefined)
    return [fault([...at, 'username'], 'has no password', 'add password: {env: NAME}')];
  if (username === undefined && password !== undefined)
    return [fault([...at, 'password'], 'belongs to no username', 'add username: NAME')];
  return [];
}

function referenceFaults(
  at: readonly string[],
  secrets: Readonly<Record<string, SecretReference | undefined>>,
): ShapeFault[] {
  return Object.entries(secrets).flatMap(([name, reference]) =>
    reference === undefined || (reference.env === undefined) !== (reference.file === undefined)
      ? []
      : [fault([...at, name], 'names not exactly one place', 'write {env: NAME} or {file: /path}')],
  );
}

function pairFaults(at: readonly string[], tls: TlsFiles | undefined): ShapeFault[] {
  if (tls === undefined || (tls.cert === undefined) === (tls.key === undefined)) return [];
  const missing = tls.cert === undefined ? 'cert' : 'key';
  return [fault([...at, 'tls'], `has no ${missing}`, `add ${missing}: /path.pem; both or none`)];
}

function fault(path: readonly string[], what: string, fix: string): ShapeFault {
  return { path, message: `${path.join('.')}: ${what}`, fix };
}
