/** How this program calls itself, and where the files are that ship with it: as a package, or as one executable file. */
import { join } from 'node:path';
import { isSea } from 'node:sea';
import { packageRoot } from './package-root.ts';
import { unpackedFolder } from './unpacked-files.ts';

type Command = readonly [program: string, ...words: string[]];

/** First word with which the executable is the embedded engine, no command line. */
export const simWord = '--sim';

/** Starts `dynamo` in another process; a verb and its words follow. */
export function ownCommand(): Command {
  if (isSea()) return [process.execPath];
  return [process.execPath, join(packageRoot(), 'bin', 'dynamo.js')];
}

/** What a keeper runs when its supervisor is dead; `undefined` where the executable itself does it. */
export function reapProgram(): string | undefined {
  return isSea() ? undefined : join(packageRoot(), 'dist', 'reap.js');
}

/** Starts the embedded engine; its role and flags follow. */
export function simCommand(): Command {
  if (isSea()) return [process.execPath, simWord];
  return [process.execPath, join(packageRoot(), 'dist', 'sim.js')];
}

/** Holds `launch-profiles` and `assets`. Throws `cannot-write` when the executable can put them nowhere. */
export function shippedFolder(): string {
  return isSea() ? unpackedFolder() : packageRoot();
}
