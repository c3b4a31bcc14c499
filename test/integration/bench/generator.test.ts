/**
 * The load generator against a server of this test, which notes itself when it sent what. Medians agree within 10 ms for a
 * first token or an answer and 1 ms for the time between tokens. Both share this process, and the machine may be busy: what
 * most trivial requests take meanwhile is added.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { figuresOf } from '../../../src/bench/figures.ts';
import { applyLoad, learnManners, warmUp } from '../../../src/bench/generator.ts';
import { serveBare } from '../../../src/bench/bare-server.ts';
import { medianOf } from '../../../src/bench/statistics.ts';
import type { Load } from '../../../src/bench/workload.ts';

interface Truth {
  readonly arrivedAt: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly tokens: number;
  readonly body: Readonly<Record<string, unknown>>;
}

interface Behaviour {
  readonly ttftMs?: number;
  readonly itlMs?: number;
  /** Instead of an answer. */
  readonly fault?: (
    request: number,
    response: ServerResponse,
    body: Readonly<Record<string, unknown>>,
  ) => boolean;
  readonly tokensPerEvent?: number;
  readonly usage?: boolean;
}

const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  let text = '';
  for await (const piece of request) text += String(piece);
  return JSON.parse(text) as Readonly<Record<string, unknown>>;
}

/** Prompts have a template of 7 tokens, and 1.5 tokens a word. */
function promptTokens(body: Readonly<Record<string, unknown>>): number {
  const [message] = body['messages'] as readonly { readonly content: string }[];
  return Math.round(7 + 1.5 * (message?.content.split(' ').length ?? 0));
}

async function server({ ttftMs = 30, itlMs = 4, fault, tokensPerEvent = 1, usage = true }: Behaviour = {}) {
  const truths: Truth[] = [];
  let [count, open, mostOpen] = [0, 0, 0];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const arrivedAt = performance.now();
    const body = await bodyOf(request);
    mostOpen = Math.max(mostOpen, ++open);
    response.once('close', () => open--);
    if (fault?.(count++, response, body) === true) return;
    const tokens = Number(body['max_tokens']);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(event({ choices: [{ delta: { role: 'assistant', content: '' } }] }));
    await sleep(ttftMs);
    let firstMs = 0;
    for (let sent = 0; sent < tokens; sent += tokensPerEvent) {
      if (sent > 0) await sleep(itlMs * tokensPerEvent);
      if (sent === 0) firstMs = performance.now() - arrivedAt;
      response.write(event({ choices: [{ delta: { content: ' x'.repeat(tokensPerEvent) } }] }));
    }
    truths.push({ arrivedAt, firstMs, lastMs: performance.now() - arrivedAt, tokens, body });
    // What comes after the last token is not part of the answer's time.
    await sleep(20);
    response.write(event({ choices: [{ delta: {}, finish_reason: 'length' }] }));
    const counts = {
      prompt_tokens: promptTokens(body),
      completion_tokens: tokens,
      prompt_tokens_details: { cached_tokens: 5 },
    };
    response.end(`${usage ? event({ choices: [], usage: counts }) : ''}data: [DONE]\n\n`);
  };
  const listening = createServer((request, response) => void answer(request, response));
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  onTestFinished(() => {
    listening.closeAllConnections();
    listening.close();
  });
  const { port } = listening.address() as AddressInfo;
  return { truths, mostOpen: () => mostOpen, target: { url: `http://127.0.0.1:${port}`, model: 'm' } };
}

const base: Load = {
  points: [{ kind: 'concurrency', value: 4 }],
  isl: { low: 200, high: 200 },
  osl: { low: 20, high: 20 },
  prefixShare: 0,
  prefixes: 1,
  trace: [],
  requests: 40,
  durationMs: undefined,
  seed: 1,
};
const limits = { requestTimeoutMs: 10_000, pointTimeoutMs: 10_000 };
const never = new AbortController().signal;

async function measure(target: { url: string; model: string }, load: Load, more: object = {}) {
  const manners = await learnManners(target, load, limits, never);
  const place = { round: 1, point: 0 };
  const fit = await warmUp(target, { load, place, manners, limits }, 4, never);
  const before = performance.now();
  const measured = await applyLoad(
    target,
    { load, place, manners: { ...manners, fit }, limits: { ...limits, ...more } },
    { onProgress: () => {}, signal: never, gone: never, ...more },
  );
  return { manners, before, measured, figures: figuresOf(measured, 2, undefined) };
}

/** How long a request takes in which nothing is computed, at the same time, in this process. */
async function roundTrips(): Promise<() => Promise<{ readonly mostMs: number; readonly longestMs: number }>> {
  const listening = createServer((_, response) => response.end());
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  const seen: number[] = [];
  const over = new AbortController();
  const loop = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const begun = performance.now();
      await (await fetch(`http://127.0.0.1:${port}`)).text();
      seen.push(performance.now() - begun);
      await sleep(20);
    }
  };
  const looping = loop();
  return async () => {
    over.abort();
    await looping;
    listening.closeAllConnections();
    listening.close();
    const sorted = seen.toSorted((a, b) => a - b);
    return { mostMs: sorted[Math.floor(0.9 * sorted.length)] ?? 0, longestMs: sorted.at(-1) ?? 0 };
  };
}

const off = (seen: number | undefined, real: readonly number[]): number =>
  (seen ?? Number.NaN) - medianOf(real);

test('it sees the latencies, tokens and throughput that the server knows', async () => {
  const { target, truths, mostOpen } = await server();
  const trips = await roundTrips();
  const { figures, before, manners } = await measure(target, base);
  const { mostMs, longestMs } = await trips();
  const known = truths.filter(({ arrivedAt }) => arrivedAt >= before);
  expect(known).toHaveLength(40);
  expect(mostOpen()).toBe(4);
  expect(manners).toMatchObject({ fullLength: true, simulated: false, notes: [] });
  expect(
    Math.abs(
      off(
        figures.ttft?.p50,
        known.map(({ firstMs }) => firstMs),
      ),
    ),
  ).toBeLessThan(10 + mostMs);
  expect(
    Math.abs(
      off(
        figures.e2e?.p50,
        known.map(({ lastMs }) => lastMs),
      ),
    ),
  ).toBeLessThan(10 + mostMs);
  expect(
    Math.abs(
      off(
        figures.itl?.p50,
        known.map(({ firstMs, lastMs, tokens }) => (lastMs - firstMs) / (tokens - 1)),
      ),
    ),
  ).toBeLessThan(1 + mostMs / 5);
  expect(figures).toMatchObject({ answered: 40, errors: 0, askedIsl: 200, askedOsl: 20 });
  expect(figures.osl).toMatchObject({ min: 20, max: 20 });
  // A word is one and a half tokens.
  expect(Math.abs((figures.isl?.mean ?? 0) - 200)).toBeLessThan(2);
  expect(figures.cached).toBeCloseTo(5 / 200, 2);
  const seconds =
    (Math.max(...known.map(({ arrivedAt, lastMs }) => arrivedAt + lastMs)) -
      Math.min(...known.map(({ arrivedAt }) => arrivedAt))) /
    1000;
  const stalled = longestMs / 1000 / seconds;
  expect(Math.abs(figures.outputTokensPerSecond / (800 / seconds) - 1)).toBeLessThan(0.05 + stalled);
  expect(figures.tokensPerGpu).toBeCloseTo(figures.outputTokensPerSecond / 2, 6);
});

test('it forces the length of answers, and says so where the server refuses that', async () => {
  const taking = await server({ ttftMs: 1, itlMs: 0 });
  await measure(taking.target, { ...base, requests: 4 });
  expect(taking.truths.at(-1)?.body).toMatchObject({
    max_tokens: 20,
    min_tokens: 20,
    ignore_eos: true,
    stream: true,
  });
  const refusing = await server({
    ttftMs: 1,
    itlMs: 0,
    fault: (_, response, body) => {
      if (body['ignore_eos'] === undefined) return false;
      response.writeHead(400).end('{"error":{"message":"unknown field ignore_eos"}}');
      return true;
    },
  });
  const { manners, figures } = await measure(refusing.target, { ...base, requests: 4 });
  expect(figures).toMatchObject({ answered: 4, errors: 0 });
  expect(manners.notes.join(' ')).toContain('does not take ignore_eos and min_tokens');
  expect(refusing.truths.at(-1)?.body).not.toHaveProperty('min_tokens');
});

test('tokens that arrive together, and a server that counts none', async () => {
  const { target } = await server({ tokensPerEvent: 5, usage: false });
  const { figures, manners } = await measure(target, { ...base, requests: 8 });
  expect(manners.notes.join(' ')).toMatch(/does not count prompt tokens.*does not count answer tokens/);
  // Without `usage`, pieces are all that there is to count.
  expect(figures.osl).toMatchObject({ min: 4, max: 4 });
  expect(figures.gap?.p50).toBeGreaterThan(15);
});

test('an open loop does not wait for answers', async () => {
  const { target, truths, mostOpen } = await server({ ttftMs: 300, itlMs: 0 });
  const load: Load = { ...base, points: [{ kind: 'rate', value: 50 }], requests: 60 };
  const trips = await roundTrips();
  const { before, figures } = await measure(target, load);
  const stalledSeconds = (await trips()).longestMs / 1000;
  const arrivals = truths.filter(({ arrivedAt }) => arrivedAt >= before).map(({ arrivedAt }) => arrivedAt);
  expect(figures.answered).toBe(60);
  // 50 a second for 300 ms each.
  expect(mostOpen()).toBeGreaterThan(8);
  const seconds = (Math.max(...arrivals) - Math.min(...arrivals)) / 1000;
  expect(seconds).toBeLessThan(59 / 30 + stalledSeconds);
  expect(seconds).toBeGreaterThan(59 / 80 - stalledSeconds);
});

test('failed answers are counted with their reason', async () => {
  const faults: Record<number, (response: ServerResponse) => void> = {
    0: (response) => response.writeHead(503).end('{"error":{"message":"no worker"}}'),
    1: (response) => response.destroy(),
    2: (response) => response.writeHead(200).end('data: [DONE]\n\n'),
    3: (response) => response.writeHead(200).end(event({ choices: [{ delta: { content: ' x' } }] })),
    4: (response) =>
      response.writeHead(200).end(`${event({ error: { message: 'engine died' } })}data: [DONE]\n\n`),
  };
  let from = Infinity;
  const { target, truths } = await server({
    ttftMs: 1,
    itlMs: 0,
    fault: (request, response) => {
      const fault = faults[request - from];
      fault?.(response);
      return fault !== undefined;
    },
  });
  const load: Load = { ...base, points: [{ kind: 'concurrency', value: 1 }], requests: 8 };
  const manners = await learnManners(target, load, limits, never);
  from = truths.length;
  const measured = await applyLoad(
    target,
    { load, place: { round: 1, point: 0 }, manners, limits },
    { onProgress: () => {}, signal: never, gone: never },
  );
  expect(figuresOf(measured, 1, undefined)).toMatchObject({
    answered: 3,
    errors: 5,
    errorKinds: {
      'HTTP 503: no worker': 1,
      ECONNRESET: 1,
      'no tokens in the answer': 1,
      'the answer broke off': 1,
      'error in the stream: engine died': 1,
    },
  });
});

test('a silent server costs the time limit of a request, not more', async () => {
  let silent = false;
  const { target } = await server({ ttftMs: 1, itlMs: 0, fault: () => silent });
  const load: Load = { ...base, requests: 4 };
  const manners = await learnManners(target, load, limits, never);
  silent = true;
  const begin = performance.now();
  const measured = await applyLoad(
    target,
    {
      load,
      place: { round: 1, point: 0 },
      manners,
      limits: { requestTimeoutMs: 300, pointTimeoutMs: 5_000 },
    },
    { onProgress: () => {}, signal: never, gone: never },
  );
  expect(performance.now() - begin).toBeLessThan(4_000);
  expect(figuresOf(measured, 1, undefined).errorKinds).toEqual({ 'not finished within 0.3 s': 4 });
});

test('what the user interrupts does not count; what the end of the deployment interrupts has failed', async () => {
  for (const [which, errors] of [
    ['signal', 0],
    ['gone', 4],
  ] as const) {
    let slow = false;
    const { target } = await server({ ttftMs: 1, itlMs: 0, fault: () => slow });
    const load: Load = { ...base, requests: 40 };
    const manners = await learnManners(target, load, limits, never);
    const over = new AbortController();
    const running = applyLoad(
      target,
      { load, place: { round: 1, point: 0 }, manners, limits },
      {
        signal: never,
        gone: never,
        [which]: over.signal,
        onProgress: ({ done }) => {
          // The next four are never answered.
          if (done === 8) slow = true;
          if (done >= 8) setTimeout(() => over.abort(), 100);
        },
      },
    );
    const { answered, errors: seen } = figuresOf(await running, 1, undefined);
    expect(answered).toBeGreaterThanOrEqual(8);
    expect(seen).toBe(errors);
  }
});

test('the bare server answers with as many tokens as asked, each in a piece of its own', async () => {
  const target = { url: `http://127.0.0.1:${await serveBare()}`, model: 'bare' };
  const { figures, measured } = await measure(target, { ...base, requests: 8 });
  expect(figures.osl).toMatchObject({ min: 20, max: 20 });
  expect(measured.gapsMs).toHaveLength(8 * 19);
});
