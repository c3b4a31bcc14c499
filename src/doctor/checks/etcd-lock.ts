/** D10: a second etcd on the same data folder waits for ever and says so only in its log. */
import { join, resolve } from 'node:path';
import { type Check, fail, type Finding, ok, skip } from '../check.ts';
import { endpointsOf, etcdUrls } from '../endpoints.ts';
import type { FileFacts, HostView } from '../host-view.ts';
import { type FileLock, readLocks, readProcesses } from '../proc-files.ts';

export const etcdLock: Check = {
  id: 'D10',
  name: 'etcd-lock',
  title: 'no etcd waits for the data folder of another',
  severity: 'fail',
  look: async (host) => {
    const locks = await readLocks(host);
    const etcds = (await readProcesses(host)).filter(({ comm }) => comm === 'etcd');
    for (const { pid } of etcds) {
      const holder = await waitsFor(host, pid, locks);
      if (holder === undefined) continue;
      return fail(
        `etcd pid ${pid} waits for the data folder that pid ${holder} has locked, and never starts`,
        `kill ${pid}   # then start it with another --data-dir`,
      );
    }
    return await checkFolders(host, locks);
  },
};

/**
 * Who has locked a file that this etcd has open and not locked. etcd asks for the lock again and again, so that the
 * kernel knows of nobody who waits (seen with etcd 3.4.23).
 */
async function waitsFor(
  { files }: HostView,
  pid: number,
  locks: readonly FileLock[],
): Promise<number | undefined> {
  // Those of other users cannot be seen.
  const descriptors = await files.list(`/proc/${pid}/fd`).catch(() => []);
  for (const descriptor of descriptors) {
    const file = await files.stat(`/proc/${pid}/fd/${descriptor}`);
    const held = file === undefined ? [] : locks.filter((lock) => isOn(lock, file));
    if (held.length > 0 && held.every((lock) => lock.pid !== pid)) return held[0]?.pid;
  }
  return undefined;
}

function isOn(lock: FileLock, file: FileFacts): boolean {
  return lock.inode === file.inode && lock.device === file.device;
}

async function checkFolders(host: HostView, locks: readonly FileLock[]): Promise<Finding> {
  const named = host.environment['ETCD_DATA_DIR'];
  // What etcd takes when it is told nothing.
  const folders = [...(named ? [named] : []), 'default.etcd'].map((folder) => resolve(host.cwd, folder));
  const seen: string[] = [];
  for (const folder of folders) {
    const database = await host.files.stat(join(folder, 'member', 'snap', 'db'));
    if (database === undefined) continue;
    const holder = locks.find((lock) => isOn(lock, database));
    seen.push(`${folder} is ${holder === undefined ? 'free' : `in use by pid ${holder.pid}`}`);
    if (holder === undefined || (await someEtcdAnswers(host))) continue;
    return fail(
      `${folder} is in use by pid ${holder.pid}, which does not answer: a second etcd there would wait for ever`,
      `kill ${holder.pid}   # or start etcd with another --data-dir`,
    );
  }
  if (seen.length > 0) return ok(seen.join(', '));
  return skip('no etcd waits for a lock, and there is no data folder here (ETCD_DATA_DIR, ./default.etcd)');
}

async function someEtcdAnswers(host: HostView): Promise<boolean> {
  const { addresses } = endpointsOf('etcd', host);
  const asked = etcdUrls(addresses.length > 0 ? addresses : ['127.0.0.1:2379']);
  const answers = await Promise.all(
    asked.map((url) => host.network.request(`${url}/health`).catch(() => undefined)),
  );
  return answers.some((answer) => answer?.status === 200);
}
