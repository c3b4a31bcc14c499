/** The transfer from prefill to decode: decode asks for its room at the prefill worker's bootstrap port and waits. */
import { messageOf } from '../base/error-code.ts';
import { deferred, type Deferred } from '../base/deferred.ts';
import { bracketed, listen } from './http.ts';
import type { ImageInfo } from './images.ts';
import { log } from './log.ts';
import { openLines, type Rendezvous } from './request-plane.ts';

/** Stands in for the KV cache: a digest of the tokens that it would contain. */
export interface KvOffer {
  readonly digest: string;
  readonly cachedTokens: number;
  readonly imageInfo: readonly ImageInfo[];
}

/** What was really sent, and how long it took from the offer on. */
interface Sent {
  readonly bytes: number;
  readonly ms: number;
}

/** Of a prefill and a decode worker. */
interface Meeting {
  readonly offer: Deferred<KvOffer>;
  readonly left: Deferred<void>;
  sent: boolean;
}

export type Bootstrap = Awaited<ReturnType<typeof serveBootstrap>>;

/** Decode connects at once; after this time it is not going to. */
const keepMs = 5_000;

/** `broken` drops every connection, so that decode never gets the KV cache. */
export async function serveBootstrap(host: string, port: number, broken: boolean) {
  const rooms = new Map<string, Meeting>();
  const enter = (room: string) => {
    const meeting = rooms.get(room) ?? { offer: deferred<KvOffer>(), left: deferred<void>(), sent: false };
    rooms.set(room, meeting);
    return meeting;
  };
  const bound = await listen(host, port, ({ url = '' }, response) => {
    if (broken) return void response.destroy();
    const meeting = enter(url.slice(1));
    const { offer, left } = meeting;
    response.once('close', left.resolve);
    void offer.promise.then((kv) => response.end(`${JSON.stringify(kv)}\n`));
    response.once('finish', () => (meeting.sent = true));
  }).catch((error: unknown) => {
    // As upstream: a port in use shows only with the first request.
    log('ERROR', 'sim::bootstrap', `Bootstrap server failed to start: ${messageOf(error)}`);
    return { port };
  });
  return {
    address: `${bracketed(host)}:${bound.port}`,
    /** Resolves when decode has taken the offer, or after a time limit; `undefined` if it has not. */
    offer: async (room: string, kv: KvOffer): Promise<Sent | undefined> => {
      const meeting = enter(room);
      const { offer, left } = meeting;
      const begin = performance.now();
      offer.resolve(kv);
      const timer = setTimeout(left.resolve, broken ? 0 : keepMs);
      await left.promise;
      clearTimeout(timer);
      rooms.delete(room);
      const bytes = Buffer.byteLength(JSON.stringify(kv)) + 1;
      return meeting.sent ? { bytes, ms: performance.now() - begin } : undefined;
    },
  };
}

/** Undefined if the prefill worker is unreachable or drops the connection. */
export async function receiveKv({ address, room }: Rendezvous, signal: AbortSignal) {
  try {
    for await (const line of openLines(`${address}/${room}`, 'GET', '', signal)) {
      return JSON.parse(line) as KvOffer;
    }
  } catch (error) {
    log('DEBUG', 'sim::bootstrap', messageOf(error));
  }
  return undefined;
}
