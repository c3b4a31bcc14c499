/** The files and the network of this host, for checks. */
import { constants } from 'node:fs';
import { access, readdir, readFile, stat, statfs } from 'node:fs/promises';
import { connect as openConnection, createServer, type Socket } from 'node:net';
import { errorCode, messageOf } from '../base/error-code.ts';
import type { HostFiles, HostNetwork, HttpCall, HttpReply } from './host-view.ts';

/** For connections to this host and its local network. */
const nearMs = 2_000;

export const localFiles: HostFiles = {
  read: async (path) => await unlessAbsent(readFile(path, 'utf8')),
  list: async (path) => (await unlessAbsent(readdir(path))) ?? [],
  stat: async (path) => {
    const facts = await unlessAbsent(stat(path));
    return (
      facts && {
        isFolder: facts.isDirectory(),
        sizeBytes: facts.size,
        uid: facts.uid,
        inode: facts.ino,
        device: deviceText(facts.dev),
        modifiedMs: facts.mtimeMs,
      }
    );
  },
  isWritable: async (path) =>
    await access(path, constants.W_OK).then(
      () => true,
      () => false,
    ),
  space: async (path) => {
    const facts = await unlessAbsent(statfs(path));
    return facts && { freeBytes: facts.bavail * facts.bsize, totalBytes: facts.blocks * facts.bsize };
  },
};

/** Major and minor number, as the kernel writes them. Source: linux/kdev_t.h, new_decode_dev. */
function deviceText(device: number): string {
  const [major, minor] = [(device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00)];
  return [major, minor].map((each) => each.toString(16).padStart(2, '0')).join(':');
}

/** `undefined` for what does not exist or has just gone; rejects if access is denied. */
async function unlessAbsent<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ESRCH'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

export const localNetwork: HostNetwork = { request, connect, firstLine, bind };

async function request(url: string, call: HttpCall = {}): Promise<HttpReply> {
  const { method = 'GET', headers = {}, body, timeoutMs = nearMs } = call;
  // Not AbortSignal.timeout: see base/clock.ts.
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), timeoutMs);
  try {
    const reply = await fetch(url, {
      method,
      headers,
      redirect: 'manual',
      signal: limit.signal,
      ...(body === undefined ? {} : { body }),
    });
    const text = await reply.text();
    return { status: reply.status, header: (name) => reply.headers.get(name) ?? undefined, body: text };
  } catch (error) {
    if (limit.signal.aborted) throw new Error(`no answer within ${timeoutMs / 1000} s`, { cause: error });
    throw new Error(reasonOf(error), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** fetch says only "fetch failed"; the reason is in its cause, once for each address that was tried. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  return errorCode(first) ?? messageOf(first ?? error);
}

async function connect(address: string, port: number): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const socket = openSocket(address, port, (reason) => resolve(reason));
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
  });
}

async function firstLine(address: string, port: number): Promise<string> {
  return await new Promise((resolve, reject) => {
    let text = '';
    const socket = openSocket(address, port, (reason) => reject(new Error(reason)));
    socket.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (!text.includes('\n')) return;
      socket.destroy();
      resolve(text.slice(0, text.indexOf('\n')).trim());
    });
    socket.once('end', () => reject(new Error('it closed the connection without a message')));
  });
}

function openSocket(host: string, port: number, onFailure: (reason: string) => void): Socket {
  const socket = openConnection({ host, port });
  socket.setTimeout(nearMs, () => {
    socket.destroy();
    onFailure(`no answer within ${nearMs / 1000} s`);
  });
  socket.once('error', (error) => onFailure(errorCode(error) ?? error.message));
  return socket;
}

async function bind(host: string, port: number): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(errorCode(error) ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
