/** Tells when a server that was told to end serves nobody any more, although it still lives. */
import { readFileSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { errorCode } from '../base/error-code.ts';

/**
 * States in which the kernel names a socket that may still bring an answer to somebody, or take in a new request. In the
 * others the server has sent all that it will: FIN_WAIT1 and 2, TIME_WAIT, CLOSE, LAST_ACK, CLOSING.
 */
const inUse = new Set(['01', '02', '03', '08', '0A', '0C']);
const listening = '0A';

const firstPauseMs = 5;
const longestPauseMs = 50;

/**
 * Settles when nobody listens on this TCP port, where at the call somebody did, and no client is connected to it: seen
 * twice, as the kernel's table may change while it is read. Never settles where that cannot be told, nor once `ended`
 * aborts. Dynamo's frontend closes its port when the last stream has ended, and lives on: 1.6.1 for 300 ms, 1.4.2 and
 * 1.1.1 for 30 ms. Seen with each of them, idle, with a stream, with an idle connection and with half a request.
 */
export async function untilDrained(port: number, clock: Clock, ended: AbortSignal): Promise<void> {
  const wasServed = statesOf(port)?.includes(listening) === true;
  if (wasServed && (await becomesIdle(port, clock, ended))) return;
  await new Promise<never>(() => {});
}

/** False when `ended` aborts before. */
async function becomesIdle(port: number, clock: Clock, ended: AbortSignal): Promise<boolean> {
  let pauseMs = firstPauseMs;
  for (let seenIdle = 0; seenIdle < 2;) {
    await clock.sleep(pauseMs, ended).catch(() => {});
    if (ended.aborted) return false;
    const isIdle = statesOf(port)?.every((state) => !inUse.has(state)) === true;
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
