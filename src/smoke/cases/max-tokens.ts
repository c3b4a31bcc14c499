/** An answer is no longer than asked for, and says why it ended. */
import { chat } from '../chat.ts';
import type { SmokeCase } from '../case.ts';
import { wrong } from '../verdict.ts';
import { shown } from '../json.ts';
import { answersText } from '../target.ts';

const limit = 5;

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
