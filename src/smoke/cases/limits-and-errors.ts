/** Limits and errors: stop strings, max_tokens, unknown models, disconnecting clients, concurrent requests. */
import { systemClock } from '../../base/clock.ts';
import { messageOf } from '../../base/error-code.ts';
import { proofRequest } from '../../plan/proof.ts';
import { answersText, type Target } from '../target.ts';
import { type Client, requestsInFlight, type SmokeCase } from '../client.ts';
import { chat, chatBody, chatPath, readChat } from '../chat.ts';
import { listOf, numberOf, objectOf, shown } from '../answers.ts';
import { leaveOpen, wrong } from '../result.ts';

const question = 'Write a long sentence about foxes.';

/** An answer ends before the requested stop string. */
export const stop: SmokeCase = {
  name: 'stop',
  fits: answersText,
  run: async (client, target) => {
    const whole = (await chat(client, target, question, 24)).text;
    const word = wordInside(whole);
    if (word === undefined) leaveOpen(`the answer has no word to stop at: ${shown(whole)}`);
    const body = { ...chatBody(target, question, 24), stop: [word] };
    const { text, finish } = readChat(await client.ask(chatPath, body));
    if (text.includes(word))
      wrong(`the answer continues past the stop string ${shown(word)}: ${shown(text)}`);
    // A model that answers differently each time may not have produced the word again.
    const before = whole.slice(0, whole.indexOf(word)).trimEnd();
    if (finish !== 'stop' && text.trimEnd() === before)
      wrong(`stopped, but finish_reason is ${shown(finish)}`);
    return `stopped before ${shown(word)}`;
  },
};

/** A word of three or more letters that is not the first. */
function wordInside(text: string): string | undefined {
  return /\S\s+(\p{L}{3,})/u.exec(text)?.[1];
}

const limit = 5;

/** An answer is not longer than requested, and has a reason for its end. */
export const maxTokens: SmokeCase = {
  name: 'max-tokens',
  // A diffusion model generates whole blocks, and upstream does not document where it cuts them.
  fits: (target) => answersText(target) && !target.workers.some(({ mode }) => mode === 'diffusion-lm'),
  run: async (client, target) => {
    const { completionTokens, finish } = await chat(client, target, 'Write a long story.', limit);
    if (!(completionTokens > 0)) wrong('no answer');
    if (completionTokens > limit) wrong(`max_tokens ${limit}, but the answer has ${completionTokens} tokens`);
    if (completionTokens === limit && finish !== 'length' && finish !== 'stop') {
      wrong(`cut off at max_tokens, but finish_reason is ${shown(finish)}`);
    }
    return `${completionTokens} tokens, finish_reason ${shown(finish)}`;
  },
};

/** A request for an unknown model gets 404, not an answer of another model. */
export const unknownModel: SmokeCase = {
  name: 'unknown-model',
  fits: () => true,
  run: async (client, { proof }) => {
    const { path, body } = proofRequest(proof, 'nobody/no-such-model');
    const { status, text, body: refusal } = await client.post(path, body);
    if (status !== 404) wrong(`HTTP ${status} instead of 404: ${shown(text)}`);
    return `404 ${shown(refusal.message ?? text)}`;
  },
};

/** Any engine needs more time for this many tokens than we wait for it to stop. */
const longAnswer = 4_000;
const freeWithinMs = 5_000;
/** For the first chunk: frontends send none for tokens without text, which random weights produce often. */
const patienceMs = 20_000;

/** When a client disconnects during a stream, the worker is freed long before the answer would have ended. */
export const cancelledStream: SmokeCase = {
  name: 'cancelled-stream',
  fits: answersText,
  run: async (client, target) => {
    const before = await requestsInFlight(client, target);
    const during = await leaveEarly(client, target);
    if (during <= before) leaveOpen('the stream ended before it could be cancelled');
    const begin = performance.now();
    const free = await client.eventually(freeWithinMs, async () =>
      (await requestsInFlight(client, target)) <= before ? performance.now() - begin : undefined,
    );
    if (free === undefined) {
      wrong(`${freeWithinMs / 1000} s after the client disconnected, the request was still running`);
    }
    return `free after ${Math.round(free)} ms`;
  },
};

/** Requests in flight while the stream was open. */
async function leaveEarly(client: Client, target: Target): Promise<number> {
  const tokens = await tokensThatFit(client);
  const body = { ...chatBody(target, 'Write a very long story.', tokens), ignore_eos: true };
  const leaving = new AbortController();
  const seen = new AbortController();
  let during = 0;
  const losePatience = async (): Promise<void> => {
    await systemClock.sleep(patienceMs, seen.signal);
    during = await requestsInFlight(client, target);
    leaving.abort();
  };
  // It fails only when it is aborted.
  losePatience().catch(() => {});
  try {
    for await (const event of client.stream(chatPath, body, leaving.signal)) {
      if (event !== '[DONE]') return await requestsInFlight(client, target);
    }
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
  } finally {
    seen.abort();
  }
  return during;
}

/** At most half of the context, if the deployment reports its length. */
async function tokensThatFit(client: Client): Promise<number> {
  const models = objectOf(JSON.parse((await client.read('/v1/models')).toString()));
  const window = numberOf(objectOf(listOf(models.data)[0]).context_window);
  return window > 0 ? Math.min(longAnswer, Math.floor(window / 2)) : longAnswer;
}

const count = 8;

/** Eight concurrent requests are all answered. */
export const concurrency: SmokeCase = {
  name: 'concurrency',
  fits: answersText,
  run: async (client, target) => {
    const asked = Array.from(
      { length: count },
      async (_, i) => await chat(client, target, `What is ${i} + ${i}?`, 32),
    );
    const ended = await Promise.allSettled(asked);
    const refused = ended.flatMap((one) => (one.status === 'rejected' ? [messageOf(one.reason)] : []));
    if (refused.length > 0)
      wrong(`${refused.length} of ${count} concurrent requests were not answered: ${refused[0]}`);
    const answers = ended.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const empty = answers.filter(({ completionTokens }) => !(completionTokens > 0)).length;
    if (empty > 0) wrong(`${empty} of ${count} concurrent requests got an empty answer`);
    const ids = new Set(answers.map(({ body }) => body.id));
    if (ids.size < count) wrong(`${count} answers have only ${ids.size} different ids`);
    return `${count} concurrent requests answered`;
  },
};
