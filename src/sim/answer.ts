/** The text of an answer: first it says openly that it is simulated, then it goes on for as long as it is asked to. */
import { hashText, pieces, randomFrom } from './tokenizer.ts';

const words = (
  'a the this that one each node token block cache batch worker prompt model prefix page layer queue room key ' +
  'reads keeps sends meets holds moves finds waits serves ends and then while after before with from into again'
).split(' ');

/** Tokens of the answer, without end; the same prompt always gives the same ones. */
function* endless(prompt: string, introduction: string): Generator<string, never> {
  yield* pieces(introduction);
  const random = randomFrom(hashText(prompt));
  for (;;) {
    const length = 5 + Math.floor(random() * 8);
    for (let i = 0; i < length; i++) {
      const word = words[Math.floor(random() * words.length)] ?? 'token';
      yield* pieces(` ${i === 0 ? word.charAt(0).toUpperCase() + word.slice(1) : word}`);
    }
    yield '.';
  }
}

/** At most so many tokens of it, and none from the first stop string on; `stopped` when there was one. */
export function answer(prompt: string, introduction: string, limit: number, stops: readonly string[]) {
  const source = endless(prompt, introduction);
  const tokens = Array.from({ length: limit }, () => source.next().value);
  const text = tokens.join('');
  const hits = stops.map((stop) => text.indexOf(stop)).filter((at) => at !== -1);
  const end = Math.min(...hits, text.length);
  const shown: string[] = [];
  for (let at = 0; at < end; at += shown.at(-1)?.length ?? 0) {
    shown.push((tokens[shown.length] ?? '').slice(0, end - at));
  }
  return { tokens: shown, stopped: hits.length > 0 };
}
