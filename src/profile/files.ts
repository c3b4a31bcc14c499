/** How this room reaches files: the caller does the reading, so that everything here stays pure. */
import type { KnownProfile } from './profile.ts';

export interface ProfileFiles {
  /** Names (not paths) of the files in a directory; none when it does not exist. */
  list(directory: string): Promise<readonly string[]>;
  /** Bytes of a file, or undefined when it does not exist. More than `maxProfileBytes` + 1 of them are never looked at. */
  read(path: string): Promise<Uint8Array | undefined>;
}

/** Absolute paths, in the order in which they win. */
export interface ProfileDirectories {
  readonly project: string;
  readonly user: string;
  readonly shipped: string;
}

/** Where profiles are looked for, and from where paths are shown. */
export interface ProfileLibrary {
  readonly files: ProfileFiles;
  readonly directories: ProfileDirectories;
  readonly cwd: string;
  /** What a file of this content is known to mean; see known-profile.ts. */
  readonly known?: (content: Uint8Array) => Promise<KnownProfile | undefined>;
}

/** A profile is a page of text. What is larger is another file by mistake, and parsing it would take long. */
export const maxProfileBytes = 1024 * 1024;
