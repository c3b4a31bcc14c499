/** The hand-over from prefill to decode: decode asks the prefill worker's bootstrap port for its room and waits. */
import { messageOf } from '../base/error-code.ts';
import { deferred, type Deferred } from '../base/deferred.ts';
import { listen } from './http.ts';
import type { SeenImage } from './load-image.ts';
import { log } from './log.ts';
import type { Rendezvous } from './protocol.ts';
import { openLines } from './request-client.ts';

/** In place of the KV cache: proof of which tokens it would hold. */
export interface KvOffer {
  readonly digest: string;
  readonly cachedTokens: number;
  readonly seen: readonly SeenImage[];
}

export type Bootstrap = Awaited<ReturnType<typeof serveBootstrap>>;

/** Decode comes at once; after this time it will not come any more. */
const keepMs = 5_000;

/** `broken` hangs up on everybody, so that decode never gets what prefill made. */
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
    // As upstream, the symptom of a taken port comes with the first request.
    log('ERROR', 'sim::bootstrap', `Bootstrap server failed to start: ${messageOf(error)}`);
    return { port };
  });
  return {
    address: `${host}:${bound.port}`,
    /** Resolves when decode has taken the offer, or has not come for it in time. */
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

/** Undefined when the prefill worker is not there, or hangs up. */
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
