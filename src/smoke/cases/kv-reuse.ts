/** The router sends a prompt to where its prefix is cached. */
import { systemClock } from '../../base/clock.ts';
import { chat } from '../chat.ts';
import type { SmokeCase } from '../case.ts';
import { leaveOpen, wrong } from '../verdict.ts';
import { answersText } from '../target.ts';
import { ofFrontend } from '../counters.ts';
import type { Client } from '../client.ts';

const documents = 3;
/** Of three: a router that only takes turns would bring at most one of them to its own worker again. */
const wanted = 2;
/** The same as a share of blocks: prompts have a last block that is never cached. */
const wantedRate = 0.5;
/** Events of what is cached reach the router a moment after the answer. */
const settleMs = 500;

export const kvReuse: SmokeCase = {
  name: 'kv-reuse',
  fits: (target) => target.kvRouter && answersText(target),
  run: async (client, target) => {
    const fresh = `${Date.now()}-${process.pid}`;
    const prompts = Array.from({ length: documents }, (_, i) => documentText(`${i}-${fresh}`));
    for (const prompt of prompts) await chat(client, target, prompt, 4);
    await systemClock.sleep(settleMs);
    const before = await hitRates(client);
    const shares: number[] = [];
    // In the other order, so that taking turns does not look like remembering.
    for (const prompt of prompts.toReversed()) {
      const { cachedTokens, promptTokens } = await chat(client, target, prompt, 4);
      shares.push(cachedTokens / promptTokens);
    }
    const reused = shares.filter((share) => share >= 0.5).length;
    if (reused >= wanted) return `${reused} of ${documents} repeated prompts came to where they are cached`;
    // 1.1.1 has no cached_tokens, and decode workers of the mocker of 1.6.1 count none for what prefill had cached:
    // there the router's own figures tell. Source: docs/upstream/status-and-health.md#cached-tokens.
    const after = await hitRates(client);
    const requests = after.count - before.count;
    const rate = (after.sum - before.sum) / requests;
    if (rate >= wantedRate) return `repeated prompts found ${percent(rate)} of their blocks cached`;
    if (!shares.some(Number.isNaN))
      wrong(`of ${documents} repeated prompts only ${reused} came to where they are cached`);
    if (!(requests > 0)) leaveOpen('neither usage nor /metrics tells what was cached');
    return wrong(`repeated prompts found only ${percent(rate)} of their blocks cached`);
  },
};

function percent(rate: number): string {
  return `${Math.round(rate * 100)} %`;
}

/** Some 600 words: longer than several blocks of every page size that profiles have. */
function documentText(name: string): string {
  const facts = Array.from({ length: 200 }, (_, i) => `fact ${i} of ${name.slice(0, 1)}`);
  return `Document ${name}: ${facts.join(', ')}`;
}

async function hitRates(client: Client) {
  const series = 'dynamo_component_router_kv_hit_rate';
  return {
    sum: await ofFrontend(client, `${series}_sum`),
    count: await ofFrontend(client, `${series}_count`),
  };
}
