/** The verdict on a KV router whose answers say little: workers without a count of cached tokens, as those of 1.1.1. */
import { expect, test } from 'vitest';
import type { Client } from '../../../src/smoke/client.ts';
import { kvReuse } from '../../../src/smoke/cases/routing-and-metrics.ts';
import type { Target } from '../../../src/smoke/target.ts';

const target: Target = {
  url: 'http://frontend',
  model: 'm',
  proof: { request: 'chat', maxTokens: 4 },
  kvRouter: true,
  needsImage: false,
  workers: [],
  ours: true,
};

/** How a deployment routes: which prefill worker gets the request number `n` for this prompt, and what it says of it. */
interface Routing {
  readonly worker: (n: number, prompt: string) => number;
  readonly extension: boolean;
  /** Mean of what its router observes for a request, over its pools. */
  readonly observed: number;
}

const never = (): never => {
  throw new Error('not asked for');
};

function clientOf({ worker, extension, observed }: Routing): Client {
  let asked = 0;
  return {
    post: (_, body) => {
      const id = `1200834629522513448${worker(asked++, JSON.stringify(body['messages']))}`;
      const nvext = `,"nvext":{"worker_id":{"prefill_worker_id":${id},"decode_worker_id":1323257852223418970}}`;
      const text = `{"usage":{"prompt_tokens":600}${extension ? nvext : ''}}`;
      return Promise.resolve({ status: 200, text, body: JSON.parse(text) as Record<string, unknown> });
    },
    read: () => {
      const series = 'dynamo_component_router_kv_hit_rate';
      return Promise.resolve(
        Buffer.from(`${series}_sum ${2 * asked * observed}\n${series}_count ${2 * asked}\n`),
      );
    },
    ask: never,
    stream: never,
    eventually: never,
  };
}

const sticky = (_: number, prompt: string): number => Number(/Document (\d)/.exec(prompt)?.[1]) % 2;
const takingTurns = (n: number): number => n % 2;

test.each([true, false])('passes where prompts return to their worker; named: %s', async (extension) => {
  const seen = await kvReuse.run(clientOf({ worker: sticky, extension, observed: 0.9 }), target);
  expect(seen).toBe('repeated prompts found 90 % of their blocks cached');
});

test('one pool that takes turns is found, although the mean over both pools looks well', async () => {
  const client = clientOf({ worker: takingTurns, extension: true, observed: 0.6 });
  await expect(kvReuse.run(client, target)).rejects.toThrow(
    '3 of 3 repeated prompts went to another worker than before',
  );
});

test('a mean that is too low is found without names', async () => {
  const client = clientOf({ worker: takingTurns, extension: false, observed: 0.1 });
  await expect(kvReuse.run(client, target)).rejects.toThrow('found only 10 % of their blocks cached');
});
