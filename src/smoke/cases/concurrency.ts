/** Eight requests at once are all answered. */
import { chat } from '../chat.ts';
import type { SmokeCase } from '../case.ts';
import { wrong } from '../verdict.ts';
import { messageOf } from '../../base/error-code.ts';
import { answersText } from '../target.ts';

const count = 8;

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
