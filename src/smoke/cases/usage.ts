/** The counts of tokens add up, in one piece and at the end of a stream. */
import { chat, chatStream } from '../chat.ts';
import type { SmokeCase } from '../case.ts';
import { wrong } from '../verdict.ts';
import { type Json, numberOf, objectOf, shown } from '../json.ts';
import { answersText } from '../target.ts';

export const usage: SmokeCase = {
  name: 'usage',
  fits: answersText,
  run: async (client, target) => {
    const whole = objectOf((await chat(client, target, 'Count to three.')).body.usage);
    const { usages } = await chatStream(client, target, 'Count to three.');
    const streamed = usages.at(-1);
    if (streamed === undefined) wrong('stream_options.include_usage brought no usage');
    for (const counts of [whole, streamed]) check(counts);
    if (numberOf(whole.prompt_tokens) !== numberOf(streamed.prompt_tokens)) {
      wrong(`one prompt, two counts: ${shown(whole)} and in the stream ${shown(streamed)}`);
    }
    return `${shown(whole.prompt_tokens)} + ${shown(whole.completion_tokens)} = ${shown(whole.total_tokens)}`;
  },
};

function check(counts: Json): void {
  const [prompt, completion] = [numberOf(counts.prompt_tokens), numberOf(counts.completion_tokens)];
  const adds = prompt > 0 && completion > 0 && prompt + completion === numberOf(counts.total_tokens);
  if (!adds) wrong(`usage does not add up: ${shown(counts)}`);
}
