/** `sim worker`: loads, registers, serves and shuts down as `python -m dynamo.sglang` does. */
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiError } from './api-body.ts';
import { serveBootstrap } from './bootstrap.ts';
import { engineLoad } from './engine-load.ts';
import { type Card, type Discovery, instanceJson, instanceKey } from './discovery.ts';
import { readEnvironment, systemPort } from './environment.ts';
import { serveStatus } from './health.ts';
import { loadImages } from './images.ts';
import { type Channel, workerEvents } from './kv-events.ts';
import { log } from './log.ts';
import { images, type MediaStore, videos } from './media.ts';
import { metrics } from './metrics.ts';
import { injectFaults, standstill } from './faults.ts';
import { openPlanes } from './open-planes.ts';
import { prefixCache } from './prefix-cache.ts';
import { meetRanks } from './ranks.ts';
import { type Frames, serveRequests, type WorkRequest } from './request-plane.ts';
import { embeddings, generate, type TextEngine } from './text-engine.ts';
import { sleep } from './wait.ts';
import { cardOf, type Place, placeOf, readWorkerFlags, type WorkerFlags } from './worker-flags.ts';

export async function worker(argv: readonly string[], stopping: AbortController): Promise<void> {
  const stop = stopping.signal;
  const flags = readWorkerFlags(argv);
  const environment = readEnvironment();
  const status = { host: environment.systemHost, port: systemPort(), neverReady: flags.mode === 'encode' };
  const place = placeOf(flags, environment.namespace);
  const engineLost = new AbortController();
  const still = standstill();
  await injectFaults(flags, stop, { onLost: () => engineLost.abort(), standstill: still });
  const planes = await openPlanes(environment, stopping);
  if (planes === undefined) return;
  const { discovery, nats } = planes;
  const measures = metrics();
  let registered: readonly string[] = [];
  const closeStatus = await serveStatus(status, measures, () => registered);

  // As upstream, nothing is served or registered before the engine has loaded, and no rank loads before all have met.
  const rank = await meetRanks(flags, stop);
  await sleep((flags['startup-time'] ?? 0) * 1000, stop);
  if (stop.aborted) return discovery.close();
  const loaded = { dynamo_component: place[1], model: cardOf(flags, null).display_name };
  measures.gauge('dynamo_component_model_load_time_seconds', loaded, process.uptime());
  if (rank > 0) {
    log('INFO', 'publisher.handle_non_leader_node', `Non-leader node detected (node_rank=${rank}).`);
    await once(stop, 'abort');
    closeStatus();
    return discovery.close();
  }

  const started = performance.now();
  const bootstrap = flags.mode === 'prefill' ? await openBootstrap(flags) : undefined;
  const card = cardOf(flags, bootstrap?.address ?? null);
  const publishes = flags['kv-events'] === true && environment.events !== 'none';
  const events = workerEvents(publishes ? nats : undefined, place, discovery.id, () => cache.contents());
  const cache = prefixCache(card.total_kv_blocks, events.publish);
  const tokensPerSecond = flags['tokens-per-second'] || 500;
  const load = engineLoad(card, cache, measures, {
    most: flags['max-running-requests'],
    holds: still.holds,
  });
  const { opening } = flags;
  const engine = { card, tokensPerSecond, cache, bootstrap, metrics: measures, load, opening, still };
  const folder = flags['media-dir'] ?? join(tmpdir(), 'dynamo_media');
  const [dynamo_namespace, dynamo_component, dynamo_endpoint] = place;
  // Hexadecimal, as upstream writes it here; frontends write it as a decimal number.
  const worker_id = discovery.id.toString(16);
  measures.onRead(() =>
    measures.gauge('dynamo_component_uptime_seconds', { worker_id }, (performance.now() - started) / 1000),
  );
  const requests = await serveRequests({
    host: environment.rpcHost,
    port: environment.rpcPort,
    endpoint: dynamo_endpoint,
    labels: { dynamo_namespace, dynamo_component, dynamo_endpoint, model: card.display_name, worker_id },
    metrics: measures,
    answers: () => performance.now() - started < (flags['hang-after'] ?? Infinity) * 1000,
    work: (request, signal) =>
      whileServed(
        work(request, engine, { folder, httpUrl: flags['media-http-url'] }, signal),
        engineLost.signal,
      ),
    events: events.serve,
  });

  // The subscription must be active before the channel is announced.
  await nats?.flush();
  const channel = publishes ? events.channel(requests.events) : undefined;
  if (flags['stall-after'] !== undefined) setTimeout(still.begin, flags['stall-after'] * 1000).unref();
  registered = await register(discovery, place, card, { tcp: requests.tcp, channel });
  if (!stop.aborted) await once(stop, 'abort');

  // Upstream's order: unregistered and status port closed at once, then what is in flight may end.
  await discovery.close();
  closeStatus();
  events.close();
  await requests.drain();
  await nats?.close();
}

function openBootstrap(flags: WorkerFlags) {
  const [host, port] = [flags['bootstrap-host'] ?? '127.0.0.1', flags['bootstrap-port'] ?? 0];
  return serveBootstrap(host, port, flags['broken-transfer'] === true);
}

/** Throws as soon as the engine behind it has crashed. */
async function* whileServed(frames: Frames, lost: AbortSignal): Frames {
  for await (const frame of frames) {
    if (lost.aborted) throw new ApiError(500, 'Internal server error');
    yield frame;
  }
}

async function* work(
  request: WorkRequest,
  engine: TextEngine,
  media: MediaStore,
  signal: AbortSignal,
): Frames {
  await engine.still.over(signal);
  if (request.kind === 'text') yield* generate(engine, request, signal);
  else if (request.kind === 'encode')
    yield { type: 'images', images: await loadImages(request.images, signal) };
  else if (request.kind === 'embedding') yield { type: 'whole', body: embeddings(request.body) };
  else
    yield {
      type: 'whole',
      body: await { image: images, video: videos }[request.kind](request.id, request.body, media),
    };
}

/** Registers card, endpoints and, if it publishes KV events, their channel. Returns the names of the endpoints. */
async function register(
  discovery: Discovery,
  [namespace, component, endpoint]: Place,
  card: Card,
  { tcp, channel }: { readonly tcp: string; readonly channel: Channel | undefined },
): Promise<string[]> {
  const number = discovery.id;
  const [id, hex] = [String(number), number.toString(16)];
  // 1.6.1 registers a second endpoint next to `generate` if it publishes KV events.
  const endpoints = channel ? [endpoint, `worker_kv_query_source_${hex}`] : [endpoint];
  await discovery.publish('mdc', instanceKey(namespace, component, endpoint, number), JSON.stringify(card));
  for (const name of endpoints) {
    const text = instanceJson({ namespace, component, endpoint: name, id, tcp });
    await discovery.publish('instances', instanceKey(namespace, component, name, number), text);
  }
  if (channel) {
    // The topic keys of 1.6.1; docs/upstream/discovery.md#keys.
    const key = `namespace/${namespace}/component/${component}/endpoint/${endpoint}/topic/kv-events/${hex}`;
    await discovery.publish('event_channels', key, JSON.stringify(channel));
  }
  const text = `Registered endpoint '${namespace}.${component}.${endpoint}'`;
  log('INFO', 'sim::worker', text, { tcp, instance_id: id });
  return endpoints;
}
