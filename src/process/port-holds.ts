/** Keeps planned ports from runs that cannot see our leases (another state folder, another user) until somebody listens. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { errorCode } from '../base/error-code.ts';
import { holderOf, listeningPorts } from './listeners.ts';

export interface LostPort {
  readonly port: number;
  /** In words. */
  readonly holder: string;
}

/**
 * By port. What is held is a name in the kernel's table of abstract sockets: it belongs to the network that the port
 * belongs to, is anybody's to see, and goes with this process.
 */
const holds = new Map<number, Server>();

/**
 * A run lets go of its ports when it has proved that it serves: later than this after it began to listen. What was seen
 * to be free so short a time before we hold it cannot have been held, listened on and let go of in between.
 */
const stillTrueMs = 50;

/**
 * Holds all of them until `letGoOfPorts`, or until this process ends; or none, and tells one that somebody else holds
 * or listens on. Whoever begins to listen after this was looked for does not ask us, or has failed to hold.
 * `seenFreeAt`: when the table of listeners was looked at, or before, on the clock of `performance.now`; a look takes
 * the kernel milliseconds, and is made again only when that one is old.
 */
export async function holdPorts(ports: readonly number[], seenFreeAt: number): Promise<LostPort | undefined> {
  const wanted = ports.filter((port) => !holds.has(port));
  const outcomes = await Promise.all(wanted.map(hold));
  const lost = wanted.find((_, i) => !outcomes[i]);
  const isFresh = performance.now() - seenFreeAt < stillTrueMs;
  const listening = isFresh ? new Map<number, readonly string[]>() : listeningPorts();
  const inUse = ports.find((port) => listening.has(port));
  if (lost === undefined && inUse === undefined) return undefined;
  letGoOfPorts(wanted);
  if (lost !== undefined) return { port: lost, holder: holderOf(socketsNamed(nameOf(lost))) };
  return inUse === undefined ? undefined : { port: inUse, holder: holderOf(listening.get(inUse) ?? []) };
}

/** Those of others are left alone. */
export function letGoOfPorts(ports: readonly number[]): void {
  for (const port of ports) {
    holds.get(port)?.close();
    holds.delete(port);
  }
}

/** False when another process holds it. A kernel or a sandbox that forbids it is no reason not to start. */
async function hold(port: number): Promise<boolean> {
  const server = createServer((connection) => connection.destroy()).unref();
  try {
    await once(server.listen(`\0${nameOf(port)}`), 'listening');
    holds.set(port, server);
    return true;
  } catch (error) {
    return errorCode(error) !== 'EADDRINUSE';
  }
}

/** As long as a name can be: Node 20 fills a shorter one up with zeros, newer ones do not, and both shall mean one. */
function nameOf(port: number): string {
  return `dynamo-port-${port}`.padEnd(107, '-');
}

/** Inodes of the sockets with this name. */
function socketsNamed(name: string): string[] {
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, , , , , , inode = '', path] = line.trim().split(/\s+/);
      return path === `@${name}` ? [inode] : [];
    });
}
