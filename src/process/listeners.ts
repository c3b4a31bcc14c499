/** Tells who listens on which TCP port of this host, from /proc/net. */
import { readFileSync } from 'node:fs';
import { commandLine, livingProcesses, socketsOf } from './proc.ts';

/** Ports with a listener on any address, each with the inodes of its sockets. */
export function listeningPorts(): Map<number, readonly string[]> {
  const ports = new Map<number, string[]>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of tableLines(table)) {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      if (state !== '0A') continue;
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
