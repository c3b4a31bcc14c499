/** Finds what the build has worked out of a shipped profile. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KnownProfile } from '../profile/profile.ts';

/** Name of the file in dist/profiles. */
export function fileOfContent(content: Uint8Array): string {
  return `${createHash('sha256').update(content).digest('hex')}.json`;
}

/** `shipped`: the folder of the package. `undefined` when the content is not that of a file in it. */
export async function readKnown(shipped: string, content: Uint8Array): Promise<KnownProfile | undefined> {
  try {
    const text = await readFile(join(shipped, 'dist', 'profiles', fileOfContent(content)), 'utf8');
    return JSON.parse(text) as KnownProfile;
  } catch {
    return undefined;
  }
}
