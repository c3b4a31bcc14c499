/** A certificate authority for a test, and certificates that it signs, created by openssl. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Paths of files in PEM. */
export interface Signed {
  /** Contains ca.pem, cert.pem and key.pem, as Docker expects them. */
  readonly folder: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** `days`: negative for an expired one. For servers on 127.0.0.1 and for clients. */
export type Authority = (name: string, days?: number) => Signed;

const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** `root`: where everything is written. */
export function makeAuthority(root: string): Authority {
  const [ca, caKey] = [join(root, 'ca.pem'), join(root, 'ca-key.pem')];
  openssl(['req', '-x509', ...curve, '-keyout', caKey, '-out', ca, '-subj', '/CN=authority', '-days', '2']);
  return (name, days = 1) => {
    const folder = join(root, name);
    mkdirSync(folder);
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const [wish, extensions] = [join(folder, 'wish.pem'), join(folder, 'extensions')];
    writeFileSync(
      extensions,
      'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n',
    );
    openssl(['req', ...curve, '-keyout', key, '-out', wish, '-subj', '/O=test']);
    const signed = ['-CA', ca, '-CAkey', caKey, '-set_serial', String(Date.now())];
    openssl([
      'x509',
      '-req',
      '-in',
      wish,
      ...signed,
      '-days',
      String(days),
      '-extfile',
      extensions,
      '-out',
      cert,
    ]);
    copyFileSync(ca, join(folder, 'ca.pem'));
    return { folder, ca: join(folder, 'ca.pem'), cert, key };
  };
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
