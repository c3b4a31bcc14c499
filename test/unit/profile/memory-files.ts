/** Profile files that exist only in a test. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { ProfileFiles } from '../../../src/profile/files.ts';
import { loadProfile, type ProfileRequest } from '../../../src/profile/load.ts';
import { DynamoError } from '../../../src/base/error.ts';

export const shippedFolder = new URL('../../../launch-profiles', import.meta.url).pathname;

/** The real profiles of the package, from disk. */
export const diskFiles: ProfileFiles = {
  list: (directory) => readdir(directory).catch(() => []),
  read: (path) => readFile(path).catch(() => undefined),
};

export const directories = {
  project: '/project/launch-profiles',
  user: '/home/u/launch-profiles',
  shipped: '/pkg/launch-profiles',
};

/** Files by absolute path. */
export function memoryFiles(files: Readonly<Record<string, string | Uint8Array>>): ProfileFiles {
  return {
    list: async (directory) =>
      Object.keys(files)
        .filter((file) => dirname(file) === directory)
        .map((file) => basename(file)),
    read: async (path) => {
      const content = files[path];
      return typeof content === 'string' ? new TextEncoder().encode(content) : content;
    },
  };
}

export function request(
  files: ProfileFiles,
  asked: string,
  change: Partial<ProfileRequest> = {},
): ProfileRequest {
  return { asked, files, directories, cwd: '/project', environment: {}, settings: [], ...change };
}

/** Settings as `--set` gives them. */
export function set(...words: string[]): ProfileRequest['settings'] {
  return words.map((word) => {
    const [path = '', ...value] = word.split('=');
    return { path, value: value.join('='), flag: '--set' };
  });
}

/** The error of loading this text as ./my.yaml. */
export async function failureOf(
  text: string | Uint8Array,
  change: Partial<ProfileRequest> = {},
): Promise<DynamoError> {
  const error: unknown = await loadProfile(
    request(memoryFiles({ '/project/my.yaml': text }), './my.yaml', change),
  ).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof DynamoError) return error;
  throw new Error(`expected a DynamoError, got ${String(error)}`);
}

/** A small valid profile, in which tests break one thing. */
export const good = `description: test
model: some/model
components:
  frontend:
    kind: frontend
  worker:
    kind: worker
    mode: aggregated
proof:
  request: chat
`;
