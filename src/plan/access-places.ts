/** Where the login and the certificates for an external etcd are, for who cleans up there later: never a secret itself. */
import type { ExternalEtcd, SecretReference } from '../profile/profile.ts';
import type { AccessPlaces, Place } from './infra.ts';
import { loginVariables } from './infra-variables.ts';

/** `etcd`: as the profile names it; without one, it is the environment that does. */
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
