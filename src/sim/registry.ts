/** What the frontend knows from discovery: workers by model and mode, and which models can be served now. */
import { ApiError } from './api-body.ts';
import {
  type Card,
  type Discovery,
  type Entries,
  type Instance,
  parseCard,
  parseInstance,
  type WorkerMode,
} from './discovery.ts';

export interface Peer {
  readonly instance: Instance;
  readonly card: Card;
}

type Service = 'text' | 'embedding' | 'image' | 'video';

/** The workers that together serve a model. */
export interface Team {
  /** These receive the user's request: all aggregated or all decode, aggregated first. */
  readonly entry: readonly Peer[];
  /** Empty if the entry workers run prefill themselves. */
  readonly prefill: readonly Peer[];
  readonly encode: readonly Peer[];
  /** Whether every role that the workers need is present. */
  readonly complete: boolean;
}

/** How long a worker that did not answer is skipped; upstream skips it until discovery is updated. */
const lostMs = 5_000;
const services: readonly Service[] = ['text', 'embedding', 'image', 'video'];

export type Registry = ReturnType<typeof registry>;

export function registry(discovery: Discovery, namespace: string | undefined) {
  const seen: Record<'instances' | 'mdc', Entries> = { instances: new Map(), mdc: new Map() };
  let peers: readonly Peer[] = [];
  const lostUntil = new Map<string, number>();
  const created = new Map<string, number>();

  const alive = ({ instance }: Peer): boolean => (lostUntil.get(instance.id) ?? 0) <= performance.now();
  const isListed = (model: string): boolean =>
    services.some((service) => teamOf(peers.filter(alive), model, service).complete);

  for (const bucket of ['instances', 'mdc'] as const) {
    discovery.watch(bucket, (entries) => {
      seen[bucket] = entries;
      peers = joinPeers(seen.instances, seen.mdc, namespace);
      for (const { card } of peers) {
        const name = card.display_name;
        if (!created.has(name) && isListed(name)) created.set(name, Math.floor(Date.now() / 1000));
      }
    });
  }
  return {
    /**
     * Every instance in discovery, of all namespaces and endpoints. None while discovery is unreachable, although
     * requests still reach the known workers. Source: docs/upstream/status-and-health.md#instances.
     */
    instances: (): string[] =>
      discovery.reachable() ? [...seen.instances.values()].filter((text) => parseInstance(text)) : [],
    /** Whether a worker with this id is registered. */
    knows: (id: string): boolean => peers.some(({ instance }) => instance.id === id),
    lost: (peer: Peer): void => void lostUntil.set(peer.instance.id, performance.now() + lostMs),
    listed: (): { name: string; time: number; card: Card }[] =>
      [...created].flatMap(([name, time]) => {
        const card = peers.find((peer) => peer.card.display_name === name)?.card;
        return card !== undefined && isListed(name) ? [{ name, time, card }] : [];
      }),
    team: (model: string, service: Service): Team => {
      const team = teamOf(peers.filter(alive), model, service);
      if (team.complete) return team;
      if (teamOf(peers, model, service).entry.length > 0) {
        throw new ApiError(503, `Model \`${model}\` is not ready to serve requests yet.`);
      }
      // Upstream enables the route with the first model: until then 404 with an empty body.
      // Source: docs/upstream/frontend.md#answers.
      throw new ApiError(404, created.size === 0 ? '' : 'Model not found', 'model_not_found', 'model');
    },
  };
}

/** A worker counts once both its instance and its card are published under the same key. */
function joinPeers(instances: Entries, cards: Entries, namespace: string | undefined): Peer[] {
  const peers: Peer[] = [];
  for (const [key, text] of cards) {
    const [card, instance] = [parseCard(text), parseInstance(instances.get(key) ?? '')];
    if (card === undefined || instance === undefined) continue;
    if (namespace === undefined || instance.namespace === namespace) peers.push({ instance, card });
  }
  // Sorted, so that round robin is fair whatever order the folder is listed in.
  return peers.toSorted((a, b) => (a.instance.id < b.instance.id ? -1 : 1));
}

function teamOf(peers: readonly Peer[], model: string, service: Service): Team {
  const inModes = (...modes: readonly WorkerMode[]): Peer[] =>
    peers.filter(({ card }) => card.display_name === model && modes.includes(card.worker_mode));
  const alone = service === 'text' ? inModes('aggregated', 'diffusion-lm') : inModes(service);
  const split = service === 'text' && alone.length === 0;
  const entry = split ? inModes('decode') : alone;
  const prefill = split ? inModes('prefill') : [];
  const encode = inModes('encode');
  const encoded = encode.length > 0 || ![...entry, ...prefill].some(({ card }) => card.dedicated_encoder);
  return { entry, prefill, encode, complete: entry.length > 0 && (!split || prefill.length > 0) && encoded };
}
