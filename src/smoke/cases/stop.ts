/** An answer ends before the stop string that was asked for. */
import { chat, chatBody, chatPath, readChat } from '../chat.ts';
import type { SmokeCase } from '../case.ts';
import { leaveOpen, wrong } from '../verdict.ts';
import { shown } from '../json.ts';
import { answersText } from '../target.ts';

const question = 'Write a long sentence about foxes.';

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
