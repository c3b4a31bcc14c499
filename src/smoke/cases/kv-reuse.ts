/** The router sends a prompt to where its prefix is cached. */
import { chat } from '../chat.ts';
import { leaveOpen, type SmokeCase, wrong } from '../case.ts';
import { answersText } from '../target.ts';
import { ofFrontend } from '../counters.ts';
import type { Client } from '../client.ts';

const documents = 3;
/** Of three: a router that only takes turns would bring at most one of them to its own worker again. */
const wanted = 2;

export const kvReuse: SmokeCase = {
  name: 'kv-reuse',
  fits: (target) => target.kvRouter && answersText(target),
  run: async (client, target) => {
    const fresh = `${Date.now()}-${process.pid}`;
    const prompts = Array.from({ length: documents }, (_, i) => documentText(`${i}-${fresh}`));
    for (const prompt of prompts) await chat(client, target, prompt, 4);
    const before = await hitRates(client);
    const shares: number[] = [];
    // In the other order, so that taking turns does not look like remembering.
    for (const prompt of prompts.toReversed()) {
      const { cachedTokens, promptTokens } = await chat(client, target, prompt, 4);
      shares.push(cachedTokens / promptTokens);
    }
    if (shares.some(Number.isNaN)) {
      // 1.1.1 has no cached_tokens: there the router's own figures tell. Source: upstream/verified.md section 4.
      const after = await hitRates(client);
      const requests = after.count - before.count;
      if (!(requests > 0)) leaveOpen('neither usage nor /metrics tells what was cached');
      const rate = (after.sum - before.sum) / requests;
      if (rate < wanted / documents)
        wrong(`repeated prompts found only ${percent(rate)} of their blocks cached`);
      return `repeated prompts found ${percent(rate)} of their blocks cached`;
    }
    return judge(shares.filter((share) => share >= 0.5).length);
  },
};

function judge(reused: number): string {
  if (reused < wanted) wrong(`of ${documents} repeated prompts only ${reused} came to where they are cached`);
  return `${reused} of ${documents} repeated prompts came to where they are cached`;
}

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
