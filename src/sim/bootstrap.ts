/** The transfer from prefill to decode: decode asks for its room at the prefill worker's bootstrap port and waits. */
import { messageOf } from '../base/error-code.ts';
import { deferred, type Deferred } from '../base/deferred.ts';
import { listen } from './http.ts';
import type { ImageInfo } from './images.ts';
import { log } from './log.ts';
import { openLines, type Rendezvous } from './request-plane.ts';

/** Stands in for the KV cache: a digest of the tokens that it would contain. */
export interface KvOffer {
  readonly digest: string;
  readonly cachedTokens: number;
  readonly imageInfo: readonly ImageInfo[];
}

export type Bootstrap = Awaited<ReturnType<typeof serveBootstrap>>;

/** Decode connects at once; after this time it is not going to. */
const keepMs = 5_000;

/** `broken` drops every connection, so that decode never gets the KV cache. */
export async function serveBootstrap(host: string, port: number, broken: boolean) {
  const rooms = new Map<string, { offer: Deferred<KvOffer>; left: Deferred<void> }>();
  const enter = (room: string) => {
    const meeting = rooms.get(room) ?? { offer: deferred<KvOffer>(), left: deferred<void>() };
    rooms.set(room, meeting);
    return meeting;
  };
  const bound = await listen(host, port, ({ url = '' }, response) => {
    if (broken) return void response.destroy();
    const { offer, left } = enter(url.slice(1));
    response.once('close', left.resolve);
    void offer.promise.then((kv) => response.end(`${JSON.stringify(kv)}\n`));
  }).catch((error: unknown) => {
    // As upstream: a port in use shows only with the first request.
    log('ERROR', 'sim::bootstrap', `Bootstrap server failed to start: ${messageOf(error)}`);
    return { port };
  });
  return {
    address: `${host}:${bound.port}`,
    /** Resolves when decode has taken the offer, or after a time limit. */
    offer: async (room: string, kv: KvOffer): Promise<void> => {
      const { offer, left } = enter(room);
      offer.resolve(kv);
      const timer = setTimeout(left.resolve, broken ? 0 : keepMs);
      await left.promise;
      clearTimeout(timer);
      rooms.delete(room);
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
