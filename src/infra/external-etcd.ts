/** Looks at an external etcd before anything starts: does it answer, and may this run write where it will. */
import { DynamoError } from '../base/error.ts';
import { roomCommand } from '../plan/infra-programs.ts';
import type { ExternalInfra } from '../plan/infra.ts';
import type { Environment } from '../base/environment.ts';
import { etcdSession, firstAnswering, withScheme } from './etcd-session.ts';
import { isSilence, reasonOf } from './silence.ts';

/** Reads only. `endpoints`: as in ETCD_ENDPOINTS. `profileKey`: where a profile says so. */
export async function lookAtEtcd(
  endpoints: string,
  environment: Environment,
  profileKey?: string,
): Promise<ExternalInfra> {
  const addresses = endpoints.split(',').map((part) => withScheme(part.trim()));
  const silent: string[] = [];
  for (const address of addresses) {
    try {
      const { etcdserver } = await etcdSession(address, environment).get('/version');
      if (typeof etcdserver === 'string') return { addresses, version: etcdserver };
      return { addresses, wrong: `${address}/version names no etcd` };
    } catch (error) {
      if (!isSilence(error)) {
        const reason = reasonOf(error);
        return { addresses, wrong: `${address}: ${reason}`, fix: hintFor(reason, address, profileKey) };
      }
      silent.push(addresses.length > 1 ? `${address}: ${reasonOf(error)}` : reasonOf(error));
    }
  }
  return { addresses, silent: silent.join(', ') };
}

/** The key that is written to see whether keys can be; below what nobody reads. */
export function trialKey(namespace: string): string {
  return `v1/launcher/${namespace}/trial`;
}

/**
 * Writes a key under a lease, reads it, and takes both back. Throws `unavailable`: a run that cannot write would wait
 * for its workers for ever.
 */
export async function checkEtcd(
  addresses: readonly string[],
  namespace: string,
  environment: Environment,
  profileKey?: string,
): Promise<void> {
  const key = base64(trialKey(namespace));
  let place = addresses.join(',');
  try {
    const { address, session } = await firstAnswering(addresses, environment);
    place = address;
    const { call } = session;
    const { ID: lease } = await call('lease/grant', { TTL: 10 });
    await call('kv/put', { key, value: base64('dynamo'), lease });
    const { count } = await call('kv/range', { key, count_only: true });
    await call('lease/revoke', { ID: lease });
    if (count !== '1') throw new Error('a key that was written is not there');
  } catch (error) {
    throw new DynamoError('unavailable', `etcd at ${place} cannot be used: ${reasonOf(error)}.`, {
      hint: hintFor(reasonOf(error), place, profileKey),
    });
  }
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function hintFor(reason: string, address: string, profileKey: string | undefined): string {
  const hints = profileKey === undefined ? inEnvironment : inProfile;
  if (/authentication is not enabled/.test(reason)) return hints.noLogin;
  if (/authentication failed|auth token|user name|permission denied/.test(reason)) return hints.login;
  if (/certificate|authority|TLS|SSL|ENOENT|EACCES/i.test(reason)) return hints.certificate;
  if (/space exceeded/.test(reason)) return roomCommand(address);
  return hints.other;
}

const inEnvironment = {
  noLogin: 'unset ETCD_AUTH_USERNAME ETCD_AUTH_PASSWORD',
  login: 'export ETCD_AUTH_USERNAME=… ETCD_AUTH_PASSWORD=…   # of a user who may write below v1/',
  certificate: 'export ETCD_AUTH_CA=ca.pem   # and ETCD_AUTH_CLIENT_CERT, ETCD_AUTH_CLIENT_KEY',
  other: 'start it, or: unset ETCD_ENDPOINTS',
};

const inProfile = {
  noLogin: 'remove infra.etcd.username and infra.etcd.password from the profile',
  login: 'mend infra.etcd.username and infra.etcd.password of the profile   # a user who may write below v1/',
  certificate:
    'tls: {ca: /ca.pem, cert: /cert.pem, key: /key.pem}   # below infra.etcd of the profile; Dynamo wants all three',
  other: 'start it, or use another: --infra process',
};
