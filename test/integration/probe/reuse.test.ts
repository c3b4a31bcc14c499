/** The proof that a router sends a prompt to where it is cached, against a real HTTP server that plays the frontend. */
import type { RequestListener } from 'node:http';
import { expect, test } from 'vitest';
import type { ServingPlan } from '../../../src/plan/plan.ts';
import { proveReuse } from '../../../src/probe/reuse.ts';
import { fastClock } from '../../support/fast-clock.ts';
import { serve } from '../../support/http-server.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { frontend, host, options, profileOf, worker } from '../../support/profile.ts';

const routed = profileOf({
  components: {
    frontend: { ...frontend, router: { mode: 'kv' } },
    w: worker('aggregated', { replicas: 2, kvEvents: true }),
  },
});

/** `cachedOf`: cached tokens of 100, by the number of times that the same prompt was asked before. */
async function ask(
  cachedOf: (times: number) => number | undefined,
  rateOf: (times: number) => number = () => 0,
  slow = false,
): Promise<string> {
  const clock = fastClock();
  // Three quarters of a minute of that clock.
  const compute = async (): Promise<void> => {
    if (slow) await clock.sleep(900);
  };
  const asked = new Map<string, number>();
  const all = (): number => [...asked.values()].reduce((sum, times) => sum + times, 0);
  const front: RequestListener = (request, response) => {
    if (request.url === '/metrics') {
      const sum = Array.from({ length: all() }, (_, i) => rateOf(i)).reduce((a, b) => a + b, 0);
      return void response.end(`dynamo_component_router_kv_hit_rate_sum{a="b"} ${sum}\n`);
    }
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => (text += part));
    request.on('end', () => {
      const times = asked.get(text) ?? 0;
      asked.set(text, times + 1);
      const cached = cachedOf(times);
      const details = cached === undefined ? {} : { prompt_tokens_details: { cached_tokens: cached } };
      const answer = JSON.stringify({ usage: { prompt_tokens: 100, completion_tokens: 4, ...details } });
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

test('a plan asks for it where a router follows caches', () => {
  expect(makePlan(routed, options(), host()).provesReuse).toBe(true);
  const single = makePlan(routed, options({ replicas: { w: 1 } }), host());
  expect(single.provesReuse).toBeUndefined();
});

test('cached tokens of the second answer prove it', async () => {
  expect(await ask((times) => (times === 0 ? 0 : 96))).toBe('96 of 100 tokens cached');
});

test('a cache that is filled by others proves nothing at the first answer', async () => {
  await expect(ask((times) => (times === 0 ? 96 : 0))).rejects.toMatchObject({ code: 'not-ready' });
});

test('events that come late are waited for', async () => {
  expect(await ask((times) => (times < 3 ? 16 : 96))).toBe('96 of 100 tokens cached');
});

test('where the answer does not tell, the hit rate of the router does', async () => {
  expect(
    await ask(
      () => undefined,
      (times) => (times === 0 ? 0 : 0.98),
    ),
  ).toBe('hit rate 0.98');
});

test('answers that take longer than the router may take are waited for, the first and the second', async () => {
  const slow = ask(
    (times) => (times === 0 ? 0 : 96),
    () => 0,
    true,
  );
  expect(await slow).toBe('96 of 100 tokens cached');
});

test('a router that never comes back is not ready, with a way on', async () => {
  await expect(ask(() => 0)).rejects.toMatchObject({
    code: 'not-ready',
    message: expect.stringContaining('never answered from a cache'),
    hint: expect.stringContaining('approx=true'),
  });
});
