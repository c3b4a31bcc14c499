/** One stream of server-sent events to a page: nothing is kept in memory for a page that does not read. */
import type { ServerResponse } from 'node:http';
import type { Message } from '../page/messages.ts';

export interface Outlet {
  send(message: Message): void;
  /** Whether the page has read most of what was sent. */
  hasRoom(): boolean;
  /** Aborts when the page has gone. */
  readonly gone: AbortSignal;
}

/** A page that has not read this many bytes is gone, or stuck: it connects again by itself. */
const longestBacklog = 16 * 1024 * 1024;
/** So that both ends notice a tunnel that died. */
const pulseMs = 15_000;

export function openOutlet(response: ServerResponse): Outlet {
  const gone = new AbortController();
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  response.write('retry: 1000\n\n');
  const pulse = setInterval(() => response.write(': still here\n\n'), pulseMs);
  response.once('close', () => {
    clearInterval(pulse);
    gone.abort();
  });
  response.on('error', () => response.destroy());
  return {
    gone: gone.signal,
    hasRoom: () => !response.writableNeedDrain,
    send: (message) => {
      if (gone.signal.aborted) return;
      if (response.writableLength > longestBacklog) response.destroy();
      else response.write(`data: ${JSON.stringify(message)}\n\n`);
    },
  };
}
