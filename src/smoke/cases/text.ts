/** Cases about text: models, completions, embeddings, chat answers and streams. */
import { type Json, listOf, numberOf, objectOf, shown, textOf } from '../answers.ts';
import { chat, chatBody, chatPath, chatStream, readChat, userMessage } from '../chat.ts';
import { wrong } from '../result.ts';
import { answersText } from '../target.ts';
import type { SmokeCase } from '../client.ts';

/** The completions route, without chat templates, also answers. */
export const completions: SmokeCase = {
  name: 'completions',
  // Its prompts have no images.
  fits: (target) => answersText(target) && !target.needsImage,
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

/** Batches may be computed in different orders, so vectors of equal texts may differ in the last digits. */
const sameWithin = 0.001;

/** Embeddings have one length, are finite, and are equal for equal texts and different for different ones. */
export const embeddings: SmokeCase = {
  name: 'embeddings',
  fits: ({ proof }) => proof.request === 'embedding',
  run: async (client, { model }) => {
    const input = ['A fox in the snow', 'Quarterly figures of a bank', 'A fox in the snow'];
    const { data } = await client.ask('/v1/embeddings', { model, input });
    const vectors = listOf(data).map((item) => listOf(objectOf(item).embedding).map(numberOf));
    if (vectors.length !== input.length) wrong(`${input.length} texts, but ${vectors.length} vectors`);
    const [first = [], other = [], again = []] = vectors;
    if (first.length === 0) wrong('the vectors are empty');
    if (vectors.some(({ length }) => length !== first.length)) {
      wrong(`vectors of different lengths: ${vectors.map(({ length }) => length).join(', ')}`);
    }
    if (!vectors.flat().every(Number.isFinite)) wrong('a vector contains values that are not finite numbers');
    const [same, different] = [cosine(first, again), cosine(first, other)];
    if (!(same > 1 - sameWithin)) wrong(`equal texts have a cosine of only ${same.toFixed(4)}`);
    if (!(different < same - sameWithin)) wrong(`different texts have a cosine of ${different.toFixed(4)}`);
    return `${first.length} dimensions, cosine ${different.toFixed(2)} to a different text`;
  },
};

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
  return dot / (Math.hypot(...a) * Math.hypot(...b));
}

/** A chat request gets a complete answer. */
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

/** A chat request is answered as a stream, and the stream ends. */
export const chatStreamCase: SmokeCase = {
  name: 'chat-stream',
  fits: answersText,
  run: async (client, target) => {
    const { pieces, finish, done, error, usages } = await chatStream(client, target, 'Tell me of a fox.', 24);
    if (error !== undefined) wrong(`the stream contains an error: ${shown(error)}`);
    // Tokens that decode to no text are also an answer.
    const tokens = numberOf(usages.at(-1)?.completion_tokens);
    if (pieces === 0 && !(tokens > 0)) wrong('the stream contains no text');
    if (finish === undefined) wrong('no chunk of the stream has a finish_reason');
    if (!done) wrong('the stream ended without [DONE]');
    return `${pieces} chunks, finish_reason ${finish}`;
  },
};

const question = 'My name is Ada and I keep seven red foxes in a green house by the sea. Who am I?';

/** The second turn of a conversation is answered with the first as context. */
export const twoTurns: SmokeCase = {
  name: 'two-turns',
  fits: answersText,
  run: async (client, target) => {
    const first = await chat(client, target, question);
    const history = [
      userMessage(target, question),
      { role: 'assistant', content: first.text || 'You are Ada.' },
      { role: 'user', content: 'How many?' },
    ];
    const body = { ...chatBody(target, '', 16), messages: history };
    const second = readChat(await client.ask(chatPath, body));
    if (!(second.completionTokens > 0)) wrong('the second turn was not answered');
    if (!(second.promptTokens > first.promptTokens)) {
      const counts = `${first.promptTokens} tokens, then ${second.promptTokens}`;
      wrong(`the second turn ignored the first: prompts of ${counts}`);
    }
    return `prompts of ${first.promptTokens} and ${second.promptTokens} tokens`;
  },
};

/** The token counts add up, in a complete answer and at the end of a stream. */
export const usage: SmokeCase = {
  name: 'usage',
  fits: answersText,
  run: async (client, target) => {
    const whole = objectOf((await chat(client, target, 'Count to three.')).body.usage);
    const { usages } = await chatStream(client, target, 'Count to three.');
    const streamed = usages.at(-1);
    if (streamed === undefined) wrong('stream_options.include_usage returned no usage');
    for (const counts of [whole, streamed]) checkCounts(counts);
    if (numberOf(whole.prompt_tokens) !== numberOf(streamed.prompt_tokens)) {
      wrong(`different token counts for the same prompt: ${shown(whole)}, streamed ${shown(streamed)}`);
    }
    return `${shown(whole.prompt_tokens)} + ${shown(whole.completion_tokens)} = ${shown(whole.total_tokens)}`;
  },
};

function checkCounts(counts: Json): void {
  const [prompt, completion] = [numberOf(counts.prompt_tokens), numberOf(counts.completion_tokens)];
  const adds = prompt > 0 && completion > 0 && prompt + completion === numberOf(counts.total_tokens);
  if (!adds) wrong(`usage does not add up: ${shown(counts)}`);
}
