/** Who listens on TCP ports of this host, from /proc/net alone. */
import { readFileSync } from 'node:fs';

/** 127.x, ::1, and 127.x as IPv6 writes it, in the kernel's order of bytes. */
const loopback = /^([\dA-F]{6}7F|0{24}01000000|0{16}FFFF0000[\dA-F]{6}7F):/;

/** Ports with a listener, each with the inodes of its sockets; on request only what others than this host may reach. */
export function listeners(which: 'all' | 'beyond loopback' = 'all'): Map<number, string[]> {
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
      if (which === 'beyond loopback' && loopback.test(cells[1] ?? '')) continue;
      const port = Number.parseInt(cells[1]?.split(':').at(-1) ?? '', 16);
      ports.set(port, [...(ports.get(port) ?? []), cells[9] ?? '']);
    }
  }
  return ports;
}
