/** What a profile may say of an etcd and a NATS that are there already: where they are, who we are, whom we trust. */
import * as z from 'zod';

/** An address is printed and stored, so it holds nobody's password. */
function address(schemes: string): z.ZodString {
  return z
    .string()
    .regex(
      new RegExp(`^((${schemes})://)?[^\\s/@,]+/?$`),
      `expected ${schemes.replaceAll('|', ' or ')}://host:port; a login stands beside it, not in it`,
    );
}

/** Nothing is looked for relative to anything: a profile may be extended from another folder. */
const file = z.string().regex(/^(\/|~\/)./, 'expected a path that begins with / or ~/');

const secret = z
  .strictObject({
    env: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of a variable')
      .optional()
      .describe('Environment variable that holds it'),
    file: file.optional().describe('File that holds it; one newline at its end does not count'),
  })
  .describe('A secret: never itself, only where it is');

const tls = z
  .strictObject({
    ca: file.optional().describe('Certificates of authorities, PEM'),
    cert: file.optional().describe('Certificate of ours, PEM'),
    key: file.optional().describe('Key of that certificate, PEM'),
  })
  .describe('Files for TLS');

const etcd = z
  .strictObject({
    endpoints: z.array(address('http|https')).min(1).describe('As etcdctl --endpoints'),
    username: z.string().min(1).optional(),
    password: secret.optional(),
    tls: tls.optional(),
  })
  .describe('An etcd that is there already');

const nats = z
  .strictObject({
    servers: z.array(address('nats|tls')).min(1).describe('As nats --server'),
    username: z.string().min(1).optional(),
    password: secret.optional(),
    token: secret.optional(),
    nkey: secret.optional().describe('Seed of an NKey'),
    credentialsFile: file.optional().describe('As nats --creds'),
    tls: tls.optional(),
  })
  .describe('A NATS that is there already');

export const externalInfra = z
  .strictObject({ etcd, nats })
  .partial()
  .describe(
    'etcd and NATS of others that this deployment uses; ETCD_… and NATS_… of the environment do not count then',
  );

export type ExternalEtcd = z.infer<typeof etcd>;
export type ExternalNats = z.infer<typeof nats>;
/** Exactly one of them is set. */
export type SecretReference = z.infer<typeof secret>;
export type TlsFiles = z.infer<typeof tls>;
