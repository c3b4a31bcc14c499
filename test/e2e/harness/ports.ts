/** Free ports for tests: each vitest worker has its own range, below those of runs and of the kernel. */
import { createServer } from 'node:net';

const size = 900;
const first = 2_000 + (Number(process.env['VITEST_POOL_ID'] ?? 1) % 8) * size;
let next = first + Math.floor(Math.random() * size);

/** Ports that `fetch` blocks, by its standard. */
const refusedByFetch = new Set([
  2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
]);

export async function freePort(): Promise<number> {
  for (;;) {
    next = next + 1 < first + size ? next + 1 : first;
    const port = next;
    if (!refusedByFetch.has(port) && (await isReserved(port)) && (await isFree(port))) return port;
  }
}

/**
 * For the life of this worker: another run of the tests on this machine has the same range, and must not choose a port between
 * our choice and its use. An abstract socket is released however we end.
 */
async function isReserved(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(`\0dynamo-test-port-${port}`, () => {
      server.unref();
      resolve(true);
    });
  });
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
