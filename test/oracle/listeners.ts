/** Who listens on TCP ports of this host, from /proc/net alone. */
import { readFileSync } from 'node:fs';

/** Ports with a listener, each with the inodes of its sockets. */
export function listeners(): Map<number, string[]> {
  const ports = new Map<number, string[]>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    let text = '';
    try {
      text = readFileSync(table, 'utf8');
    } catch {
      continue; // no IPv6 here
    }
    for (const line of text.split('\n').slice(1)) {
      const cells = line.trim().split(/\s+/);
      if (cells[3] !== '0A') continue;
      const port = Number.parseInt(cells[1]?.split(':').at(-1) ?? '', 16);
      ports.set(port, [...(ports.get(port) ?? []), cells[9] ?? '']);
    }
  }
  return ports;
}
