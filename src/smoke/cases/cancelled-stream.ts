/** A client that leaves in the middle of a stream frees the worker long before the answer would have ended. */
import { systemClock } from '../../base/clock.ts';
import { chatBody, chatPath } from '../chat.ts';
import type { SmokeCase } from '../case.ts';
import { leaveOpen, wrong } from '../verdict.ts';
import type { Client } from '../client.ts';
import { requestsUnderWay } from '../counters.ts';
import { listOf, numberOf, objectOf } from '../json.ts';
import { answersText, type Target } from '../target.ts';

/** So many tokens take any engine longer than we wait for it to stop. */
const longAnswer = 4_000;
const freeWithinMs = 5_000;
/** For a first piece: frontends send none for tokens that show no text, which random weights have many of. */
const patienceMs = 20_000;

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
  const maxTokens = await tokensThatFit(client);
  const body = { ...chatBody(target, 'Write a very long story.', maxTokens), ignore_eos: true };
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
