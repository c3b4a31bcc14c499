/** The route without chat templates answers, too. */
import type { SmokeCase } from '../case.ts';
import { wrong } from '../verdict.ts';
import { listOf, numberOf, objectOf, shown, textOf } from '../json.ts';
import { answersText } from '../target.ts';

export const completions: SmokeCase = {
  name: 'completions',
  fits: answersText,
  run: async (client, { model }) => {
    const body = await client.ask('/v1/completions', {
      model,
      prompt: 'The quick brown fox',
      max_tokens: 8,
      temperature: 0,
    });
    const choice = objectOf(listOf(body.choices)[0]);
    const tokens = numberOf(objectOf(body.usage).completion_tokens);
    if (body.object !== 'text_completion') wrong(`object is ${shown(body.object)}, not text_completion`);
    if (!textOf(choice.text) && !(tokens > 0)) wrong(`no text: ${shown(body)}`);
    return shown(textOf(choice.text) ?? `${tokens} tokens`).slice(0, 40);
  },
};
