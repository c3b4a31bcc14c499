/** Cases about routing: where requests go, and that the counters show it. */
import { systemClock } from '../../base/clock.ts';
import { proofRequest } from '../../plan/proof.ts';
import { answersText, rolesOf, type Target } from '../target.ts';
import { type Client, ofFrontend, requestsByRole, type SmokeCase } from '../client.ts';
import { chat, chatBody, chatPath, chatStream, readChat } from '../chat.ts';
import { numberOf, objectOf, shown } from '../answers.ts';
import { leaveOpen, wrong } from '../result.ts';

const documents = 3;
/** Of three: round-robin routing would send at most one of them to its worker again. */
const wanted = 2;
/** The same as a share of blocks: the last block of a prompt is never cached. */
const wantedRate = 0.5;
/** KV events reach the router shortly after the answer. */
const settleMs = 500;

/** The router sends a prompt to the worker that has its prefix cached. */
export const kvReuse: SmokeCase = {
  name: 'kv-reuse',
  fits: (target) => target.kvRouter && answersText(target),
  run: async (client, target) => {
    const fresh = `${Date.now()}-${process.pid}`;
    const prompts = Array.from({ length: documents }, (_, i) => documentText(`${i}-${fresh}`));
    const readers = new Map<string, string | undefined>();
    for (const prompt of prompts) readers.set(prompt, (await askRouted(client, target, prompt)).reader);
    await systemClock.sleep(settleMs);
    const before = await hitRates(client);
    const repeats: { moved: boolean; share: number | undefined }[] = [];
    // In reverse order, so that round-robin routing does not look cache-aware.
    for (const prompt of prompts.toReversed()) {
      const { reader, share } = await askRouted(client, target, prompt);
      repeats.push({ moved: reader !== readers.get(prompt), share });
    }
    const moved = repeats.filter((repeat) => repeat.moved).length;
    if (moved > documents - wanted)
      wrong(`${moved} of ${documents} repeated prompts went to another worker than before`);
    const reused = repeats.filter(({ share }) => (share ?? 0) >= wantedRate).length;
    if (reused >= wanted) return `${reused} of ${documents} repeated prompts were routed to their cache`;
    // Only the router's own metrics are left. They say nothing about one of several pools: each observes every request.
    const after = await hitRates(client);
    const requests = after.count - before.count;
    const rate = (after.sum - before.sum) / requests;
    if (rate >= wantedRate) return `repeated prompts found ${percent(rate)} of their blocks cached`;
    if (repeats.every(({ share }) => share !== undefined))
      wrong(`only ${reused} of ${documents} repeated prompts were routed to their cache`);
    if (!(requests > 0)) leaveOpen('neither usage nor /metrics shows what was cached');
    return wrong(`repeated prompts found only ${percent(rate)} of their blocks cached`);
  },
};

interface Routed {
  /** The worker that computed the prompt; absent if the answer does not name it. Text, because it exceeds 2^53. */
  readonly reader: string | undefined;
  /** Of the prompt that was cached, from 0 to 1: what the worker counted, or else what its router expected. */
  readonly share: number | undefined;
}

/** 1.1.1 counts no cached tokens, and decode workers of the mocker of 1.6.1 do not count what prefill had cached. */
async function askRouted(client: Client, target: Target, prompt: string): Promise<Routed> {
  const body = { ...chatBody(target, prompt, 4), nvext: { extra_fields: ['worker_id', 'timing'] } };
  const { status, text, body: answer } = await client.post(chatPath, body);
  if (status !== 200) wrong(`HTTP ${status} from ${chatPath}: ${shown(text)}`);
  const { cachedTokens, promptTokens } = readChat(answer);
  const expected = numberOf(objectOf(objectOf(answer['nvext'])['timing'])['kv_hit_rate']);
  const shares = [cachedTokens / promptTokens, expected].filter((share) => !Number.isNaN(share));
  const idOf = (role: string): string | undefined =>
    new RegExp(`"${role}_worker_id":\\s*"?(\\d+)`).exec(text)?.[1];
  return {
    reader: idOf('prefill') ?? idOf('decode'),
    share: shares.length === 0 ? undefined : Math.max(...shares),
  };
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

const countedWithinMs = 5_000;
const asked = 2;

/** If several roles produce an answer together, each takes part in every request, streamed or not. */
export const roles: SmokeCase = {
  name: 'disagg-roles',
  fits: (target) => answersText(target) && rolesOf(target).length > 1,
  run: async (client, target) => {
    const before = await requestsByRole(client, target);
    await chat(client, target, 'In one piece.');
    await chatStream(client, target, 'Piece by piece.');
    const rises = async () => {
      const after = await requestsByRole(client, target);
      return rolesOf(target).map((role) => ({
        role,
        rise: (after.get(role) ?? 0) - (before.get(role) ?? 0),
      }));
    };
    await client.eventually(
      countedWithinMs,
      async () => (await rises()).every(({ rise }) => rise >= asked) || undefined,
    );
    const seen = await rises();
    const text = seen.map(({ role, rise }) => `${role} ${rise}`).join(', ');
    if (seen.some(({ rise }) => rise < asked))
      wrong(`${asked} requests were answered, but not by all roles: ${text}`);
    return `requests counted: ${text}`;
  },
};

const whole = 3;

/** The counters of the deployment match the requests that were made. */
export const metrics: SmokeCase = {
  name: 'metrics',
  // Generating images and videos again only to count requests would take minutes.
  fits: (target) => answersText(target) || target.proof.request === 'embedding',
  run: async (client, target) => {
    const before = await counts(client, target);
    const made = await makeRequests(client, target);
    const seen = async () => {
      const after = await counts(client, target);
      return after.map((count, i) => count - (before[i] ?? 0));
    };
    await client.eventually(
      countedWithinMs,
      async () => (await seen()).every((rise) => rise >= made) || undefined,
    );
    const [frontend = 0, worker] = await seen();
    const text = `frontend ${frontend}${worker === undefined ? '' : `, workers ${worker}`}`;
    const rises = worker === undefined ? [frontend] : [frontend, worker];
    // Others may be sending requests to a deployment that is not ours.
    const matches = rises.every((rise) => (target.ours ? rise === made : rise >= made));
    if (!matches) wrong(`${made} requests were made, but the counters say: ${text}`);
    return `${made} requests, counted: ${text}`;
  },
};

async function makeRequests(client: Client, target: Target): Promise<number> {
  const { path, body } = proofRequest(target.proof, target.model);
  for (let i = 0; i < whole; i++) await client.ask(path, body);
  if (!answersText(target)) return whole;
  await chatStream(client, target, 'Piece by piece.');
  return whole + 1;
}

/** Answered requests at the frontend and, if a single worker produces each answer, at the workers. */
async function counts(client: Client, target: Target): Promise<number[]> {
  const frontend = await ofFrontend(client, 'dynamo_frontend_requests_total', { status: 'success' });
  if (rolesOf(target).length !== 1) return [frontend];
  const byRole = await requestsByRole(client, target);
  return [frontend, [...byRole.values()].reduce((sum, count) => sum + count, 0)];
}
