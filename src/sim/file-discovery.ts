/** Discovery by files in a folder, as upstream's file backend; docs/upstream/discovery.md#file. */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../base/error-code.ts';
import { attempt } from './attempt.ts';
import { buckets, type Bucket, type Discovery, type Entries } from './discovery.ts';
import { newInstanceId } from './instance.ts';
import { log } from './log.ts';

const ttlMs = 10_000;
/** A safety net where file events get lost, as on network file systems. */
const pollMs = 1_000;

export function fileDiscovery(root: string): Discovery {
  const folderOf = (bucket: Bucket): string => join(root, 'v1', bucket);
  const owned = new Set<string>();
  const closers: (() => void)[] = [];
  const every = (milliseconds: number, run: () => void): void => {
    const timer = setInterval(run, milliseconds);
    closers.push(() => clearInterval(timer));
  };

  for (const bucket of buckets) fs.mkdirSync(folderOf(bucket), { recursive: true });
  // Any live process sweeps for the dead ones; its own files it touches first.
  every(ttlMs / 3, () => {
    for (const path of owned) touch(path);
    for (const bucket of buckets) sweep(folderOf(bucket));
  });
  return {
    id: newInstanceId(),
    publish: async (bucket, key, text) => {
      const path = join(folderOf(bucket), encodeKey(key));
      const draft = join(folderOf(bucket), `.tmp_${randomBytes(8).toString('hex')}`);
      fs.writeFileSync(draft, text);
      fs.renameSync(draft, path);
      owned.add(path);
    },
    watch: (bucket, onChange) => {
      const look = reader(folderOf(bucket), onChange);
      const watcher = fs.watch(folderOf(bucket), look).on('error', () => {});
      closers.push(() => watcher.close());
      every(pollMs, look);
      look();
    },
    reachable: () => true,
    close: async () => {
      for (const close of closers) close();
      for (const path of owned) attempt(() => fs.unlinkSync(path));
    },
  };
}

/** All characters but letters and digits as %XX, so that a key is one file name. */
export function encodeKey(key: string): string {
  return encodeURIComponent(key).replaceAll(
    /[-_.!~*'()]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Reads the folder when asked and reports only real changes; a file's content never changes under its name. */
function reader(folder: string, onChange: (entries: Entries) => void): () => void {
  let known: Entries | undefined;
  return () => {
    const now = new Map<string, string>();
    for (const name of attempt(() => fs.readdirSync(folder)) ?? []) {
      const key = name.startsWith('.') ? undefined : attempt(() => decodeURIComponent(name));
      if (key === undefined) continue;
      const text = known?.get(key) ?? attempt(() => fs.readFileSync(join(folder, name), 'utf8'));
      if (text !== undefined) now.set(key, text);
    }
    const before = known;
    known = now;
    if (now.size !== before?.size || [...now.keys()].some((key) => !before.has(key))) onChange(now);
  };
}

/** Never creates the file again: whoever was swept while it was stopped stays away, as upstream does. */
function touch(path: string): void {
  try {
    fs.utimesSync(path, new Date(), new Date());
  } catch (error) {
    const what = 'FileStore::keep_alive failed opening owned file';
    log('ERROR', 'dynamo_runtime::storage::kv::file', what, { path, error: messageOf(error) });
  }
}

function sweep(folder: string): void {
  for (const name of attempt(() => fs.readdirSync(folder)) ?? []) {
    const path = join(folder, name);
    const modified = attempt(() => fs.statSync(path).mtimeMs) ?? Infinity;
    if (Date.now() - modified < ttlMs) continue;
    attempt(() => fs.unlinkSync(path));
    log('INFO', 'dynamo_runtime::storage::kv::file', 'Expired', { path });
  }
}
