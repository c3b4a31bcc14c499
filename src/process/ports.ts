/**
 * TCP ports of this host: which process listens, when a server has no client left, and planned ports held until
 * somebody listens.
 */
import { readFileSync } from 'node:fs';
import { commandLine, livingProcesses, socketsOf } from './proc.ts';
import type { Clock } from '../base/clock.ts';
import { errorCode } from '../base/error-code.ts';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** How the kernel writes that a socket listens. */
const listenState = '0A';

/** Ports with a listener on any address, each with the inodes of its sockets. */
export function listeningPorts(): Map<number, readonly string[]> {
  const ports = new Map<number, string[]>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of tableLines(table)) {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      if (state !== listenState) continue;
      const port = Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16);
      ports.set(port, [...(ports.get(port) ?? []), inode]);
    }
  }
  return ports;
}

/** `pid 912 (node server.js)`, or words that say that it cannot be seen. */
export function holderOf(inodes: readonly string[]): string {
  const owner = livingProcesses().find(({ pid }) => socketsOf(pid).some((inode) => inodes.includes(inode)));
  return owner === undefined
    ? 'a process that this user cannot see'
    : `pid ${owner.pid} (${commandLine(owner.pid)})`;
}

/**
 * Of these ports, each with the session that should listen there, those where only others do, with who it is.
 * One look for all: with thousands of connections on a host, the kernel's table takes milliseconds to read.
 */
export function foreignListeners(owners: ReadonlyMap<number, number>): Map<number, string> {
  const listening = listeningPorts();
  const foreign = [...owners].filter(([port, session]) => {
    const inodes = listening.get(port);
    return inodes !== undefined && !listensInSession(inodes, session);
  });
  return new Map(foreign.map(([port]) => [port, holderOf(listening.get(port) ?? [])]));
}

function listensInSession(inodes: readonly string[], session: number): boolean {
  const holds = (pid: number): boolean => socketsOf(pid).some((inode) => inodes.includes(inode));
  // Nearly always it is the leader itself; the rest of its session costs a search through all of /proc.
  if (holds(session)) return true;
  return livingProcesses()
    .filter((stat) => stat.session === session)
    .some(({ pid }) => holds(pid));
}

function tableLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(1);
  } catch {
    return []; // no IPv6 here
  }
}

/**
 * States in which the kernel names a socket that may still bring an answer to somebody, or take in a new request. In the
 * others the server has sent all that it will: FIN_WAIT1 and 2, TIME_WAIT, CLOSE, LAST_ACK, CLOSING.
 */
const servingStates = new Set(['01', '02', '03', '08', '0A', '0C']);

const firstPauseMs = 5;
const longestPauseMs = 50;

/**
 * Settles when nobody listens on this TCP port, where at the call somebody did, and no client is connected to it: seen
 * twice, as the kernel's table may change while it is read. Never settles where that cannot be told, nor once `ended`
 * aborts. Dynamo's frontend closes its port when the last stream has ended, and lives on: 1.6.1 for 300 ms, 1.4.2 and
 * 1.1.1 for 30 ms. Seen with each of them, idle, with a stream, with an idle connection and with half a request.
 */
export async function untilDrained(port: number, clock: Clock, ended: AbortSignal): Promise<void> {
  const wasServed = statesOf(port)?.includes(listenState) === true;
  if (wasServed && (await becomesIdle(port, clock, ended))) return;
  await new Promise<never>(() => {});
}

/** False when `ended` aborts before. */
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

/** Of every socket whose own end is this port; `undefined` where they cannot be seen. */
function statesOf(port: number): string[] | undefined {
  const own = port.toString(16).toUpperCase().padStart(4, '0');
  const row = new RegExp(`^ *\\d+: [0-9A-F]+:${own} [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) `, 'gm');
  try {
    const tables = [readFileSync('/proc/net/tcp', 'latin1'), readWhereItIs('/proc/net/tcp6')];
    return tables.flatMap((table) => [...table.matchAll(row)].map(([, state = '']) => state));
  } catch {
    return undefined;
  }
}

/** A host without IPv6 has no table of it. */
function readWhereItIs(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}

interface LostPort {
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
