/** A chat is answered in one piece. */
import { chat } from '../chat.ts';
import type { SmokeCase } from '../case.ts';
import { wrong } from '../verdict.ts';
import { shown } from '../json.ts';
import { answersText } from '../target.ts';

export const chatCase: SmokeCase = {
  name: 'chat',
  fits: answersText,
  run: async (client, target) => {
    const { body, role, text, finish, completionTokens } = await chat(client, target, 'What is a fox?');
    if (body.object !== 'chat.completion') wrong(`object is ${shown(body.object)}, not chat.completion`);
    if (body.model !== target.model) wrong(`model is ${shown(body.model)}, not ${target.model}`);
    if (role !== 'assistant') wrong(`the role of the answer is ${shown(role)}, not assistant`);
    if (!(completionTokens > 0))
      wrong(`no answer: completion_tokens ${completionTokens}, text ${shown(text)}`);
    if (finish !== 'stop' && finish !== 'length') wrong(`finish_reason is ${shown(finish)}`);
    return `${completionTokens} tokens: ${shown(text).slice(0, 40)}`;
  },
};
