/** A chat is answered piece by piece, and the stream has an end. */
import { chatStream } from '../chat.ts';
import type { SmokeCase } from '../case.ts';
import { wrong } from '../verdict.ts';
import { numberOf, shown } from '../json.ts';
import { answersText } from '../target.ts';

export const chatStreamCase: SmokeCase = {
  name: 'chat-stream',
  fits: answersText,
  run: async (client, target) => {
    const { pieces, finish, done, error, usages } = await chatStream(client, target, 'Tell me of a fox.', 24);
    if (error !== undefined) wrong(`the stream holds an error: ${shown(error)}`);
    // Tokens that the tokenizer shows as no text are an answer, too.
    const tokens = numberOf(usages.at(-1)?.completion_tokens);
    if (pieces === 0 && !(tokens > 0)) wrong('the stream holds no text');
    if (finish === undefined) wrong('no piece of the stream has a finish_reason');
    if (!done) wrong('the stream ended without [DONE]');
    return `${pieces} pieces, finish_reason ${finish}`;
  },
};
