/** The proof that a router uses KV caches, against a real HTTP server that acts as the frontend. */
import type { RequestListener } from 'node:http';
import { expect, test } from 'vitest';
import type { ServingPlan } from '../../../src/plan/plan.ts';
import { proveReuse } from '../../../src/probe/routing.ts';
import { fastClock } from '../../support/clocks.ts';
import { serve } from '../../support/http-server.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { frontend, host, options, profileOf, worker } from '../../support/profile.ts';

const routed = profileOf({
  components: {
    frontend: { ...frontend, router: { mode: 'kv' } },
    w: worker('aggregated', { replicas: 2, kvEvents: true }),
  },
});

interface Answered {
  /** Cached tokens of 100, by how often the same prompt was sent before. */
  readonly cached?: (times: number) => number | undefined;
  /** Which of the two workers gets it. */
  readonly worker?: (times: number) => number;
  /** The hit rate in the router's answer, and in its histogram. */
  readonly expected?: (times: number) => number | undefined;
  readonly histogram?: (times: number) => number;
  readonly slow?: boolean;
}

/** A frontend that counts every request twice in its histogram, as with two pools. */
async function ask({
  cached,
  worker: taker = () => 7,
  expected,
  histogram,
  slow,
}: Answered): Promise<string> {
  const clock = fastClock();
  // 45 s of that clock.
  const compute = async (): Promise<void> => {
    if (slow === true) await clock.sleep(900);
  };
  const asked = new Map<string, number>();
  let [sum, count] = [0, 0];
  const front: RequestListener = (request, response) => {
    if (request.url === '/metrics') {
      const series = 'dynamo_component_router_kv_hit_rate';
      return void response.end(`${series}_sum{a="b"} ${sum}\n${series}_count{a="b"} ${count}\n`);
    }
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => (text += part));
    request.on('end', () => {
      const times = asked.get(text) ?? 0;
      asked.set(text, times + 1);
      sum += 2 * (histogram?.(times) ?? 0);
      count += 2;
      const tokens = cached?.(times);
      const details = tokens === undefined ? {} : { prompt_tokens_details: { cached_tokens: tokens } };
      const rate = expected?.(times);
      const answer = JSON.stringify({
        usage: { prompt_tokens: 100, completion_tokens: 4, ...details },
        nvext: {
          worker_id: { prefill_worker_id: taker(times), decode_worker_id: taker(times) },
          ...(rate === undefined ? {} : { timing: { kv_hit_rate: rate } }),
        },
      });
      void compute().then(() => response.end(answer));
    });
  };
  const { url, port } = await serve(front);
  const plan: ServingPlan = {
    ...makePlan(routed, options(), host()),
    http: { host: '127.0.0.1', port, url },
  };
  return await proveReuse(plan, {
    clock,
    signal: new AbortController().signal,
    saw: () => {},
  });
}

const later = (share: number) => (times: number) => (times === 0 ? 0 : share);

test('a plan requests it if a router uses KV caches', () => {
  expect(makePlan(routed, options(), host()).provesReuse).toBe(true);
  const single = makePlan(routed, options({ replicas: { w: 1 } }), host());
  expect(single.provesReuse).toBeUndefined();
});

test('cached tokens in later answers prove it', async () => {
  expect(await ask({ cached: later(96) })).toBe('96 of 100 tokens cached');
});

test('a cache filled by other requests proves nothing at the first answer', async () => {
  await expect(ask({ cached: (times) => (times === 0 ? 96 : 0) })).rejects.toMatchObject({
    code: 'not-ready',
  });
});

test('round robin proves nothing, although every worker has cached the prompt in the end', async () => {
  const turns = ask({ cached: later(96), worker: (times) => times % 2 });
  await expect(turns).rejects.toMatchObject({ message: expect.stringContaining('w-1 and w-2') });
});

test('waits for late events', async () => {
  let answers = 0;
  expect(await ask({ cached: (times) => (answers++ < 5 || times === 0 ? 16 : 96) })).toBe(
    '96 of 100 tokens cached',
  );
});

test('the expected hit rate of the router proves it if the worker reports nothing', async () => {
  expect(await ask({ cached: () => 0, expected: later(0.98) })).toBe('hit rate 0.98');
});

test('without a hit rate in the answer, the mean of the router histogram counts', async () => {
  expect(await ask({ histogram: later(0.98) })).toBe('hit rate 0.98');
});

test('waits for all answers, even those slower than the router limit', async () => {
  expect(await ask({ cached: later(96), slow: true })).toBe('96 of 100 tokens cached');
});

test('a router that never reuses a cache is not ready, with a fix', async () => {
  await expect(ask({ cached: () => 0 })).rejects.toMatchObject({
    code: 'not-ready',
    message: expect.stringContaining('never answered from the cache of'),
    hint: expect.stringContaining('components.frontend.router.kvEvents=false'),
  });
});
