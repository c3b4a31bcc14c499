/** What a profile may say about an existing etcd and NATS: where they are, how to log in, which certificates to trust. */
import * as z from 'zod';
import type { ShapeFault } from './tree.ts';

/** An address is printed and stored, so it must not contain a password. */
function address(schemes: string): z.ZodString {
  return z
    .string()
    .regex(
      new RegExp(`^((${schemes})://)?[^\\s/@,]+/?$`),
      `expected ${schemes.replaceAll('|', ' or ')}://host:port; a login goes into its own keys, not into the address`,
    );
}

/** No relative paths: a profile may be extended from another folder. */
const file = z.string().regex(/^(\/|~\/)./, 'expected a path that starts with / or ~/');

const secret = z
  .strictObject({
    env: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable')
      .optional()
      .describe('Environment variable that contains the secret'),
    file: file.optional().describe('File that contains the secret; a newline at the end is ignored'),
  })
  .describe('Where a secret is stored; never the secret itself');

const tlsFiles = z
  .strictObject({
    ca: file.optional().describe('CA certificates, PEM'),
    cert: file.optional().describe('Client certificate, PEM'),
    key: file.optional().describe('Key of the client certificate, PEM'),
  })
  .describe('TLS files');

const etcd = z
  .strictObject({
    endpoints: z.array(address('http|https')).min(1).describe('As etcdctl --endpoints'),
    username: z.string().min(1).optional(),
    password: secret.optional(),
    tls: tlsFiles.optional(),
  })
  .describe('An existing etcd');

const nats = z
  .strictObject({
    servers: z.array(address('nats|tls')).min(1).describe('As nats --server'),
    username: z.string().min(1).optional(),
    password: secret.optional(),
    token: secret.optional(),
    nkey: secret.optional().describe('Seed of an NKey'),
    credentialsFile: file.optional().describe('As nats --creds'),
    tls: tlsFiles.optional(),
  })
  .describe('An existing NATS');

export const externalInfra = z
  .strictObject({ etcd, nats })
  .partial()
  .describe(
    'Existing etcd and NATS that this deployment uses; ETCD_… and NATS_… in the environment are then ignored',
  );

export type ExternalEtcd = z.infer<typeof etcd>;
export type ExternalNats = z.infer<typeof nats>;
/** Exactly one of them is set. */
export type SecretReference = z.infer<typeof secret>;
export type TlsFiles = z.infer<typeof tlsFiles>;

export function infraFaults(infra: z.infer<typeof externalInfra> | undefined): ShapeFault[] {
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
      : [
          fault(
            [...at, 'tls'],
            `requires https, but an endpoint is ${plain}`,
            'use https:// for every endpoint',
          ),
        ]),
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
    ...logins
      .slice(1)
      .map((name) => fault([...at, name], `is set together with ${logins[0]}`, 'keep one login')),
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
    return [fault([...at, 'password'], 'has no username', 'add username: NAME')];
  return [];
}

function referenceFaults(
  at: readonly string[],
  secrets: Readonly<Record<string, SecretReference | undefined>>,
): ShapeFault[] {
  return Object.entries(secrets).flatMap(([name, reference]) =>
    reference === undefined || (reference.env === undefined) !== (reference.file === undefined)
      ? []
      : [fault([...at, name], 'must name exactly one of env and file', 'write {env: NAME} or {file: /path}')],
  );
}

function pairFaults(at: readonly string[], tls: TlsFiles | undefined): ShapeFault[] {
  if (tls === undefined || (tls.cert === undefined) === (tls.key === undefined)) return [];
  const missing = tls.cert === undefined ? 'cert' : 'key';
  return [fault([...at, 'tls'], `has no ${missing}`, `add ${missing}: /path.pem; cert and key go together`)];
}

function fault(path: readonly string[], what: string, fix: string): ShapeFault {
  return { path, message: `${path.join('.')}: ${what}`, fix };
}
