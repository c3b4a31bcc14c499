/** An etcd so small that a test can fill it, with old versions of one key, as real ones fill up. */
import { freePort } from '../../e2e/harness/ports.ts';
import { temporaryFolder } from '../../integration/sim/processes.ts';
import { until } from '../../support/until.ts';
import { ask, base64, putKey } from './etcd.ts';
import { startServer } from './server.ts';

/** Returns its URL. */
export async function startSmallEtcd(binary: string): Promise<string> {
  const [port, peer] = [await freePort(), await freePort()];
  const [url, peerUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peer}`];
  const flags = [
    `--data-dir=${temporaryFolder()}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    '--quota-backend-bytes=400000',
  ];
  await startServer(binary, flags, `${url}/health`);
  return url;
}

/** Writes until it refuses. */
export async function fill(url: string): Promise<void> {
  const isFull = async (): Promise<boolean> =>
    await putKey(url, 'filler', 'x'.repeat(60_000)).then(
      () => false,
      () => true,
    );
  await until('it is full', isFull);
}

/** What `etcdctl compact`, `defrag` and `alarm disarm` do. */
export async function makeRoom(url: string): Promise<void> {
  const { header } = (await ask(url, '/v3/kv/range', { key: base64('filler') })) as {
    header: { revision: string };
  };
  await ask(url, '/v3/kv/compaction', { revision: header.revision, physical: true });
  await ask(url, '/v3/maintenance/defragment', {});
  const { alarms = [] } = (await ask(url, '/v3/maintenance/alarm', { action: 'GET' })) as {
    alarms?: object[];
  };
  for (const alarm of alarms) await ask(url, '/v3/maintenance/alarm', { action: 'DEACTIVATE', ...alarm });
}
