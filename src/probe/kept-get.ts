/**
 * GET for the checks of processes that serve: one kept connection each. A check takes a third of the processor time of one
 * that connects (0.11 against 0.31 ms) and leaves hardly any garbage.
 */
import { connect, type Socket } from 'node:net';
import type { HttpAnswer } from './http.ts';
import { parseAnswer, plainGet } from './plain-get.ts';

/**
 * A server that accepts no connection any more, for example because it has too many files open, still answers on one that is
 * kept. So every so many checks connect anew, and so does each check after one that failed.
 */
const checksPerConnection = 5;

export interface KeptGets {
  /** As `plainGet`. */
  get(url: string, timeoutMs: number): Promise<HttpAnswer | undefined>;
  /** Closes the connections to this server, so that it does not wait for us when it ends. */
  release(url: string): void;
}

interface Line {
  readonly socket: Socket;
  readonly host: string;
  readonly request: string;
  asked: number;
  /** It is closed after the answer. */
  released: boolean;
  /** Of the request in progress: the text received so far, or the end of the connection. */
  hear: ((piece: string) => void) | undefined;
  lose: ((error: Error) => void) | undefined;
}

/** How an answer came. `lost`: the connection ended before a byte came, as when a server closes one that was idle. */
type Heard =
  | { readonly kind: 'answer'; readonly answer: HttpAnswer | undefined; readonly keep: boolean }
  | { readonly kind: 'lost'; readonly error: Error };

export function keptGets(): KeptGets {
  const idle = new Map<string, Line>();
  const busy = new Set<Line>();
  /** Servers that do not keep connections, or whose answers are not plain. */
  const unkept = new Set<string>();

  const take = (url: string): Line | undefined => {
    const line = idle.get(url);
    idle.delete(url);
    return line;
  };
  const askOn = async (url: string, line: Line, timeoutMs: number): Promise<Heard> => {
    busy.add(line);
    let keep = false;
    try {
      const heard = await ask(line, timeoutMs);
      keep = heard.kind === 'answer' && heard.keep && !line.released;
      return heard;
    } finally {
      busy.delete(line);
      // Two may have asked at the same time.
      if (keep && !idle.has(url)) idle.set(url, line);
      else line.socket.destroy();
    }
  };
  return {
    release: (url) => {
      const { host } = new URL(url);
      for (const line of busy) line.released ||= line.host === host;
      for (const [of, line] of idle) if (line.host === host) take(of)?.socket.destroy();
    },
    get: async (url, timeoutMs) => {
      if (unkept.has(url)) return await plainGet(url, timeoutMs);
      const beganAt = performance.now();
      const kept = take(url);
      if (kept !== undefined && kept.asked < checksPerConnection) {
        const heard = await askOn(url, kept, timeoutMs);
        if (heard.kind === 'answer') return heard.answer;
      }
      kept?.socket.destroy();
      const leftMs = Math.max(1, timeoutMs - (performance.now() - beganAt));
      const heard = await askOn(url, open(url), leftMs);
      if (heard.kind === 'lost') throw heard.error;
      if (!heard.keep) unkept.add(url);
      return heard.answer;
    },
  };
}

function open(url: string): Line {
  const { hostname, port, pathname, search, host } = new URL(url);
  const socket = connect({ host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 80) });
  const line: Line = {
    socket,
    host,
    request: `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    asked: 0,
    released: false,
    hear: undefined,
    lose: undefined,
  };
  socket.setEncoding('latin1').unref();
  socket.on('data', (piece: string) => {
    // Nobody asked: whatever it is, what follows is no answer to the next request.
    if (line.hear === undefined) socket.destroy();
    else line.hear(piece);
  });
  socket.on('error', (error) => line.lose?.(error));
  socket.on('end', () => line.hear?.(''));
  socket.on('close', () => line.lose?.(new Error('socket hang up')));
  return line;
}

/** Rejects when there is no answer within `timeoutMs`, and when the connection ends within an answer. */
async function ask(line: Line, timeoutMs: number): Promise<Heard> {
  line.asked++;
  const { socket } = line;
  return await new Promise((resolve, reject) => {
    let text = '';
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      line.hear = undefined;
      line.lose = undefined;
      settle();
    };
    const timer = setTimeout(
      () => end(() => reject(new Error(`no answer within ${timeoutMs} ms`))),
      timeoutMs,
    );
    line.lose = (error) => end(() => (text === '' ? resolve({ kind: 'lost', error }) : reject(error)));
    line.hear = (piece) => {
      text += piece;
      const closed = piece === '';
      const answer = parseAnswer(text, closed);
      if (answer !== 'unfinished')
        end(() =>
          resolve({ kind: 'answer', answer, keep: answer !== undefined && !closed && staysOpen(text) }),
        );
    };
    if (socket.destroyed) line.lose(new Error('socket hang up'));
    else socket.write(line.request);
  });
}

/** Not if the server says that it closes, if only that tells where the answer ends, or if more than an answer came. */
function staysOpen(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  const head = text.slice(0, end);
  const length = /^content-length:[ \t]*(\d+)/im.exec(head)?.[1];
  return (
    head.startsWith('HTTP/1.1') &&
    !/^connection:[ \t]*close/im.test(head) &&
    length !== undefined &&
    text.length === end + 4 + Number(length)
  );
}
