/** The ranks of one worker on several hosts: they meet at rank 0, and none of them outlives another. */
import { once } from 'node:events';
import { createServer, type Socket, connect } from 'node:net';
import { messageOf } from '../base/error-code.ts';
import { exitWith, log } from './log.ts';
import { sleep } from './wait.ts';
import type { WorkerFlags } from './worker-flags.ts';

const retryMs = 200;

/**
 * The rank of this process, once all ranks are connected to rank 0; 0 for a worker on one host. From then on a connection
 * that closes ends this process, as it does with SGLang 0.5.16 over Gloo: the other ranks see that, and end as well. A
 * host that vanishes closes none, and is not noticed.
 */
export async function meetRanks(flags: WorkerFlags, stop: AbortSignal): Promise<number> {
  const [of, rank, place] = [flags.nnodes ?? 1, flags['node-rank'] ?? 0, flags['dist-init-addr']];
  if (of === 1) return 0;
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(place ?? '') ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || rank >= of) {
    exitWith(2, 'sim worker: error: --nnodes needs --node-rank below it, and --dist-init-addr HOST:PORT');
  }
  log('INFO', 'bootstrap.init_torch_distributed', 'Init torch distributed begin.');
  const peers =
    rank === 0 ? await gather(of - 1, Number(port), stop) : await join(host, Number(port), rank, stop);
  for (const peer of peers) peer.once('close', () => stop.aborted || endWith(peer));
  return rank;
}

/** Waits for a connection from each of the other ranks, then tells all that they have met. */
async function gather(others: number, port: number, stop: AbortSignal): Promise<Socket[]> {
  const ranks = new Map<string, Socket>();
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (name) => {
      ranks.set(String(name).trim(), socket);
      socket.once(
        'close',
        () => ranks.get(String(name).trim()) === socket && ranks.delete(String(name).trim()),
      );
      if (ranks.size === others) server.emit('met');
    });
  });
  // On all addresses, as PyTorch's store.
  server.listen(port);
  await once(server, 'met', { signal: stop }).catch((error: unknown) => {
    if (!stop.aborted) throw error;
  });
  server.close();
  for (const socket of ranks.values()) socket.write('met\n');
  return [...ranks.values()];
}

async function join(host: string, port: number, rank: number, stop: AbortSignal): Promise<Socket[]> {
  while (!stop.aborted) {
    const socket = connect(port, host);
    const lost = once(socket, 'close').then(() => undefined);
    socket.on('error', (error) => log('DEBUG', 'sim::ranks', messageOf(error)));
    socket.once('connect', () => socket.write(`${rank}\n`));
    stop.addEventListener('abort', () => socket.destroy());
    const met = await Promise.race([once(socket, 'data'), lost]).catch(() => undefined);
    if (met !== undefined) return [socket];
    await sleep(retryMs, stop);
  }
  return [];
}

function endWith({ remoteAddress = 'unknown' }: Socket): void {
  exitWith(1, `RuntimeError: [sim] Connection closed by peer [${remoteAddress}]`);
}
