/**
 * TCP ports of this host: which process listens, when a server has no client left, and planned ports held until
 * somebody listens.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { commandLine, livingProcesses, openFiles, socketsOf } from './proc.ts';
import type { Clock } from '../base/clock.ts';
import { errorCode } from '../base/error-code.ts';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** The kernel's code for a listening socket. */
const listenState = '0A';

/** Ports with a listener on any address, each with the inodes of its sockets. */
export type Listeners = ReadonlyMap<number, readonly string[]>;

/** With the file that counts its sockets. */
const tables = [
  ['/proc/net/tcp', '/proc/net/sockstat'],
  ['/proc/net/tcp6', '/proc/net/sockstat6'],
] as const;
const listenRow = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 0A (?:\S+ +){5}(\d+)/gm;

/**
 * For each table the kernel visits all buckets of its connections: 3.5 ms with 262144 of them, even if it lists nothing, and more
 * with thousands of connections. So a table without sockets is not read.
 */
export function listeningPorts(): Listeners {
  const ports = new Map<number, string[]>();
  for (const [table, count] of tables) {
    if (/^TCP6?: inuse 0\b/m.test(tableText(count))) continue;
    for (const [, local = '', inode = ''] of tableText(table).matchAll(listenRow)) {
      const port = Number.parseInt(local, 16);
      ports.set(port, [...(ports.get(port) ?? []), inode]);
    }
  }
  return ports;
}

const unseen = 'a process that this user cannot see';

/** `pid 912 (node server.js)`, or words if it is not visible to this user. */
export function holderOf(inodes: readonly string[]): string {
  return visibleHolder(inodes) ?? unseen;
}

function visibleHolder(inodes: readonly string[]): string | undefined {
  const owner = livingProcesses().find(({ pid }) => socketsOf(pid).some((inode) => inodes.includes(inode)));
  return owner === undefined ? undefined : `pid ${owner.pid} (${commandLine(owner.pid)})`;
}

/**
 * Given ports and the session that should listen on each: the ports on which only other processes listen, with the process.
 * The kernel's table is read once for all: with thousands of connections, that takes milliseconds. A session that ends
 * meanwhile leaves sockets of nobody in it: those are not foreign.
 */
export function foreignListeners(owners: ReadonlyMap<number, number>): Map<number, string> {
  const listening = listeningPorts();
  return new Map(
    [...owners].flatMap(([port, session]): [number, string][] => {
      const inodes = listening.get(port);
      if (inodes === undefined || listensInSession(inodes, session)) return [];
      const holder = visibleHolder(inodes);
      if (holder === undefined && !hasOpenFiles(session)) return [];
      return [[port, holder ?? unseen]];
    }),
  );
}

/** Whether a process of this session has any: one that ends closes them first, while its sockets are still in the table. */
function hasOpenFiles(session: number): boolean {
  return livingProcesses().some((stat) => stat.session === session && openFiles(stat.pid) > 0);
}

function listensInSession(inodes: readonly string[], session: number): boolean {
  const holds = (pid: number): boolean => socketsOf(pid).some((inode) => inodes.includes(inode));
  // It is nearly always the leader itself; checking the rest of the session means a scan of /proc.
  if (holds(session)) return true;
  return livingProcesses()
    .filter((stat) => stat.session === session)
    .some(({ pid }) => holds(pid));
}

/** Empty if there is none, as on a host without IPv6, or if it cannot be read. */
function tableText(path: string): string {
  try {
    return readTable(path);
  } catch {
    return '';
  }
}

/**
 * The kernel gives 4 KiB a read, whatever is asked for. Node's own functions take a new buffer of 64 KiB for each of them, and
 * the asynchronous ones wait for another thread each time.
 */
function readTable(path: string): string {
  const file = openSync(path, 'r');
  try {
    let buffer = Buffer.allocUnsafe(65_536);
    let length = 0;
    for (;;) {
      if (length === buffer.length) buffer = Buffer.concat([buffer], length * 2);
      const read = readSync(file, buffer, length, buffer.length - length, null);
      if (read === 0) return buffer.toString('latin1', 0, length);
      length += read;
    }
  } finally {
    closeSync(file);
  }
}

/**
 * The states of a socket that may still deliver an answer or accept a request. In the other states the server has sent its
 * last byte: FIN_WAIT1 and 2, TIME_WAIT, CLOSE, LAST_ACK, CLOSING.
 */
const servingStates = new Set(['01', '02', '03', '08', '0A', '0C']);

const firstPauseMs = 5;
const longestPauseMs = 50;

/**
 * Settles when no process listens on this TCP port any more and no client is connected to it; seen twice, because the
 * kernel's table may change while it is read. Never settles if the port was not open when this was called, if the table
 * cannot be read, or once `ended` aborts. Dynamo's frontend closes its port when the last stream has ended, and exits later: 1.6.1 for 300 ms, 1.4.2 and
 * 1.1.1 for 30 ms. Seen with each of them, idle, with a stream, with an idle connection and with half a request.
 */
export async function untilDrained(port: number, clock: Clock, ended: AbortSignal): Promise<void> {
  const wasServed = statesOf(port)?.includes(listenState) === true;
  if (wasServed && (await becomesIdle(port, clock, ended))) return;
  await new Promise<never>(() => {});
}

/** False when `ended` aborts first. */
async function becomesIdle(port: number, clock: Clock, ended: AbortSignal): Promise<boolean> {
  let pauseMs = firstPauseMs;
  for (let seenIdle = 0; seenIdle < 2;) {
    await clock.sleep(pauseMs, ended).catch(() => {});
    if (ended.aborted) return false;
    const isIdle = statesOf(port)?.every((state) => !servingStates.has(state)) === true;
    seenIdle = isIdle ? seenIdle + 1 : 0;
    if (!isIdle) pauseMs = Math.min(pauseMs * 1.5, longestPauseMs);
  }
  return true;
}

/** The states of all sockets with this local port; `undefined` if they cannot be read. */
function statesOf(port: number): string[] | undefined {
  const own = port.toString(16).toUpperCase().padStart(4, '0');
  const row = new RegExp(`^ *\\d+: [0-9A-F]+:${own} [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) `, 'gm');
  try {
    const texts = [readTable('/proc/net/tcp'), readIfPresent('/proc/net/tcp6')];
    return texts.flatMap((table) => [...table.matchAll(row)].map(([, state = '']) => state));
  } catch {
    return undefined;
  }
}

/** A host without IPv6 has no such table. */
function readIfPresent(file: string): string {
  try {
    return readTable(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}

interface LostPort {
  readonly port: number;
  /** The process that holds it, in words. */
  readonly holder: string;
}

/**
 * By port. A hold is an abstract socket: it belongs to the same network namespace as the port, is visible to every user,
 * and disappears with this process.
 */
const holds = new Map<number, Server>();

/**
 * A run releases its holds after it has proved that it serves, which takes longer than this. So a port that was free this
 * recently cannot have been held, opened and released in between.
 */
const stillTrueMs = 50;

/**
 * Keeps planned ports from runs that cannot see our leases (another state folder, another user) until a process listens.
 * Holds all ports until `releasePortHolds` or until this process ends; or none, and returns one that is held or in use.
 * `seenFreeAt`: when the table of listeners was read (`performance.now`). Reading it takes milliseconds, so it is read
 * again only if that was too long ago.
 */
export async function holdPorts(ports: readonly number[], seenFreeAt: number): Promise<LostPort | undefined> {
  const wanted = ports.filter((port) => !holds.has(port));
  const outcomes = await Promise.all(wanted.map(hold));
  const lost = wanted.find((_, i) => !outcomes[i]);
  const isFresh = performance.now() - seenFreeAt < stillTrueMs;
  const listening = isFresh ? new Map<number, readonly string[]>() : listeningPorts();
  const inUse = ports.find((port) => listening.has(port));
  if (lost === undefined && inUse === undefined) return undefined;
  releasePortHolds(wanted);
  if (lost !== undefined) return { port: lost, holder: holderOf(socketsNamed(nameOf(lost))) };
  return inUse === undefined ? undefined : { port: inUse, holder: holderOf(listening.get(inUse) ?? []) };
}

/** Releases only our own holds. */
export function releasePortHolds(ports: readonly number[]): void {
  for (const port of ports) {
    holds.get(port)?.close();
    holds.delete(port);
  }
}

/** False if another process holds it. True if the kernel or a sandbox forbids holds: that is no reason not to start. */
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

/** As long as a name can be: Node 20 pads shorter names with zeros, newer versions do not. */
function nameOf(port: number): string {
  return `dynamo-port-${port}`.padEnd(107, '-');
}

/** Inodes of the sockets with this name. */
function socketsNamed(name: string): string[] {
  return readTable('/proc/net/unix')
    .split('\n')
    .flatMap((line) => {
      const [, , , , , , inode = '', path] = line.trim().split(/\s+/);
      return path === `@${name}` ? [inode] : [];
    });
}
