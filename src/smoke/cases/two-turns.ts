/** The second turn of a conversation is answered with the first one in view. */
import { chat, chatBody, chatPath, readChat } from '../chat.ts';
import type { SmokeCase } from '../case.ts';
import { wrong } from '../verdict.ts';
import { answersText } from '../target.ts';

const question = 'My name is Ada and I keep seven red foxes in a green house by the sea. Who am I?';

export const twoTurns: SmokeCase = {
  name: 'two-turns',
  fits: answersText,
  run: async (client, target) => {
    const first = await chat(client, target, question);
    const history = [
      { role: 'user', content: question },
      { role: 'assistant', content: first.text || 'You are Ada.' },
      { role: 'user', content: 'How many?' },
    ];
    const body = { ...chatBody(target, '', 16), messages: history };
    const second = readChat(await client.ask(chatPath, body));
    if (!(second.completionTokens > 0)) wrong('the second turn was not answered');
    if (!(second.promptTokens > first.promptTokens)) {
      const counts = `${first.promptTokens} tokens, then ${second.promptTokens}`;
      wrong(`the second turn was read without the first: prompts of ${counts}`);
    }
    return `prompts of ${first.promptTokens} and ${second.promptTokens} tokens`;
  },
};
