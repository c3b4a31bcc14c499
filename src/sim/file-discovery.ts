/** Discovery through files in a folder, like upstream's file backend; docs/upstream/discovery.md#file. */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../base/error-code.ts';
import { attempt } from './attempt.ts';
import { type Bucket, buckets, type Discovery, type Entries, newInstanceId } from './discovery.ts';
import { log } from './log.ts';

const ttlMs = 10_000;
/** A safety net for file systems that lose change events, such as network ones. */
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
  // Every live process removes the files of dead ones, and touches its own first.
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
      const scan = reader(folderOf(bucket), onChange);
      const watcher = fs.watch(folderOf(bucket), scan).on('error', () => {});
      closers.push(() => watcher.close());
      every(pollMs, scan);
      scan();
    },
    reachable: () => true,
    close: async () => {
      for (const close of closers) close();
      for (const path of owned) attempt(() => fs.unlinkSync(path));
    },
  };
}

/** Encodes everything but letters and digits as %XX, so that a key is one file name. */
export function encodeKey(key: string): string {
  return encodeURIComponent(key).replaceAll(
    /[-_.!~*'()]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Lists the folder and reports real changes only; the content of a file never changes. */
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

/** Does not recreate the file: a process that was swept while suspended stays unregistered, as upstream does. */
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
