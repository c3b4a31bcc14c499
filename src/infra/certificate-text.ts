/** What the variables for certificates of etcd hold: Dynamo reads them as PEM text, people write the path of a file. */
import { readFileSync } from 'node:fs';

/** Seen with Dynamo 1.1.1, 1.4.2 and 1.6.1: with a path in them it says that etcd cannot be connected to. */
const variables = ['ETCD_AUTH_CA', 'ETCD_AUTH_CLIENT_CERT', 'ETCD_AUTH_CLIENT_KEY'] as const;

/** PEM text, given as such or as a path. Throws what reading the file throws. */
export function certificateText(value: string): string {
  return value.includes('-----BEGIN ') ? value : readFileSync(value, 'utf8');
}

/** These variables as Dynamo takes them; one whose file cannot be read is left out. */
export function certificateTexts(environment: Readonly<Record<string, string | undefined>>) {
  const texts: Record<string, string> = {};
  for (const name of variables) {
    const value = environment[name];
    if (!value) continue;
    try {
      texts[name] = certificateText(value);
    } catch {
      // Who looks at etcd with it says so.
    }
  }
  return texts;
}
