/** Reads the certificates with which a Docker daemon is talked to over TLS, as Docker's own client lays them out. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, messageOf } from '../base/error-code.ts';

export interface Certificates {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/**
 * ca.pem, and where the daemon wants to know who we are, cert.pem and key.pem. Throws an error whose message is for
 * people: a daemon that refuses a certificate of ours cannot say why.
 */
export function readCertificates(folder: string | undefined): Certificates {
  if (folder === undefined) return {};
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => read(join(folder, name)));
  if (ca === undefined) throw new Error(`there is no ${join(folder, 'ca.pem')}`);
  if ((cert === undefined) !== (key === undefined)) {
    throw new Error(`there is no ${join(folder, cert === undefined ? 'cert.pem' : 'key.pem')}`);
  }
  if (cert === undefined || key === undefined) return { ca };
  const { validTo, validToDate } = validityOf(cert, join(folder, 'cert.pem'));
  if (validToDate.getTime() < Date.now()) {
    throw new Error(`our certificate ${join(folder, 'cert.pem')} has expired: it was valid to ${validTo}`);
  }
  return { ca, cert, key };
}

function read(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new Error(`${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function validityOf(cert: Buffer, file: string): { readonly validTo: string; readonly validToDate: Date } {
  try {
    const { validTo } = new X509Certificate(cert);
    return { validTo, validToDate: new Date(validTo) };
  } catch (error) {
    throw new Error(`${file} is no certificate: ${messageOf(error)}`, { cause: error });
  }
}
