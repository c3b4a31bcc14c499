/** Where answers end and what is refused: stop strings, limits, unknown models, clients that leave, many at once. */
import { systemClock } from '../../base/clock.ts';
import { messageOf } from '../../base/error-code.ts';
import { proofRequest } from '../../plan/proof.ts';
import { answersText, type Target } from '../target.ts';
import { type Client, requestsUnderWay, type SmokeCase } from '../client.ts';
import { chat, chatBody, chatPath, readChat } from '../chat.ts';
import { listOf, numberOf, objectOf, shown } from '../answers.ts';
import { leaveOpen, wrong } from '../result.ts';

const question = 'Write a long sentence about foxes.';

/** An answer ends before the stop string that was asked for. */
export const stop: SmokeCase = {
  name: 'stop',
  fits: answersText,
  run: async (client, target) => {
    const whole = (await chat(client, target, question, 24)).text;
    const word = wordInside(whole);
    if (word === undefined) leaveOpen(`the answer has no word to stop at: ${shown(whole)}`);
    const body = { ...chatBody(target, question, 24), stop: [word] };
    const { text, finish } = readChat(await client.ask(chatPath, body));
    if (text.includes(word)) wrong(`the answer goes on over the stop string ${shown(word)}: ${shown(text)}`);
    // A model that answers differently each time may never have come to the word.
    const before = whole.slice(0, whole.indexOf(word)).trimEnd();
    if (finish !== 'stop' && text.trimEnd() === before)
      wrong(`stopped, but finish_reason is ${shown(finish)}`);
    return `stopped before ${shown(word)}`;
  },
};

/** A word of three or more letters that has something before it. */
function wordInside(text: string): string | undefined {
  return /\S\s+(\p{L}{3,})/u.exec(text)?.[1];
}

const limit = 5;

/** An answer is no longer than asked for, and says why it ended. */
export const maxTokens: SmokeCase = {
  name: 'max-tokens',
  // A diffusion model writes whole blocks, and none of upstream's pages says where it cuts them.
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

/** A model that is not served is refused with 404, not answered by another one. */
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

/** So many tokens take any engine longer than we wait for it to stop. */
const longAnswer = 4_000;
const freeWithinMs = 5_000;
/** For a first piece: frontends send none for tokens that show no text, which random weights have many of. */
const patienceMs = 20_000;

/** A client that leaves in the middle of a stream frees the worker long before the answer would have ended. */
export const cancelledStream: SmokeCase = {
  name: 'cancelled-stream',
  fits: answersText,
  run: async (client, target) => {
    const before = await requestsUnderWay(client, target);
    const during = await leaveEarly(client, target);
    if (during <= before) leaveOpen('the stream had ended before it could be cancelled');
    const begin = performance.now();
    const free = await client.eventually(freeWithinMs, async () =>
      (await requestsUnderWay(client, target)) <= before ? performance.now() - begin : undefined,
    );
    if (free === undefined) {
      wrong(`${freeWithinMs / 1000} s after the client had left, the request was still under way`);
    }
    return `free after ${Math.round(free)} ms`;
  },
};

/** Requests under way while the stream was open. */
async function leaveEarly(client: Client, target: Target): Promise<number> {
  const tokens = await tokensThatFit(client);
  const body = { ...chatBody(target, 'Write a very long story.', tokens), ignore_eos: true };
  const leaving = new AbortController();
  const seen = new AbortController();
  let during = 0;
  const losePatience = async (): Promise<void> => {
    await systemClock.sleep(patienceMs, seen.signal);
    during = await requestsUnderWay(client, target);
    leaving.abort();
  };
  // It fails only by being called off.
  losePatience().catch(() => {});
  try {
    for await (const event of client.stream(chatPath, body, leaving.signal)) {
      if (event !== '[DONE]') return await requestsUnderWay(client, target);
    }
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
  } finally {
    seen.abort();
  }
  return during;
}

/** Half of the context at most, where the deployment says how long that is. */
async function tokensThatFit(client: Client): Promise<number> {
  const models = objectOf(JSON.parse((await client.read('/v1/models')).toString()));
  const window = numberOf(objectOf(listOf(models.data)[0]).context_window);
  return window > 0 ? Math.min(longAnswer, Math.floor(window / 2)) : longAnswer;
}

const count = 8;

/** Eight requests at once are all answered. */
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
    if (refused.length > 0) wrong(`${refused.length} of ${count} at once were not answered: ${refused[0]}`);
    const answers = ended.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const empty = answers.filter(({ completionTokens }) => !(completionTokens > 0)).length;
    if (empty > 0) wrong(`${empty} of ${count} at once were answered with nothing`);
    const ids = new Set(answers.map(({ body }) => body.id));
    if (ids.size < count) wrong(`${count} answers carry only ${ids.size} ids`);
    return `${count} at once answered`;
  },
};
