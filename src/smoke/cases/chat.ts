/** Chats: in one piece, as a stream, over two turns, and with counts that add up. */
import type { SmokeCase } from '../case.ts';
import { chat, chatBody, chatPath, chatStream, readChat } from '../chat.ts';
import { type Json, numberOf, objectOf, shown } from '../json.ts';
import { answersText } from '../target.ts';
import { wrong } from '../verdict.ts';

/** A chat is answered in one piece. */
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

/** A chat is answered piece by piece, and the stream has an end. */
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

const question = 'My name is Ada and I keep seven red foxes in a green house by the sea. Who am I?';

/** The second turn of a conversation is answered with the first one in view. */
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

/** The counts of tokens add up, in one piece and at the end of a stream. */
export const usage: SmokeCase = {
  name: 'usage',
  fits: answersText,
  run: async (client, target) => {
    const whole = objectOf((await chat(client, target, 'Count to three.')).body.usage);
    const { usages } = await chatStream(client, target, 'Count to three.');
    const streamed = usages.at(-1);
    if (streamed === undefined) wrong('stream_options.include_usage brought no usage');
    for (const counts of [whole, streamed]) checkCounts(counts);
    if (numberOf(whole.prompt_tokens) !== numberOf(streamed.prompt_tokens)) {
      wrong(`one prompt, two counts: ${shown(whole)} and in the stream ${shown(streamed)}`);
    }
    return `${shown(whole.prompt_tokens)} + ${shown(whole.completion_tokens)} = ${shown(whole.total_tokens)}`;
  },
};

function checkCounts(counts: Json): void {
  const [prompt, completion] = [numberOf(counts.prompt_tokens), numberOf(counts.completion_tokens)];
  const adds = prompt > 0 && completion > 0 && prompt + completion === numberOf(counts.total_tokens);
  if (!adds) wrong(`usage does not add up: ${shown(counts)}`);
}
