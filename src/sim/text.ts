/** The text of an answer: it first says that it is simulated, and then continues up to the requested length. */

import { randomFrom } from '../base/random.ts';

/** Simulated text: a tokenizer without a vocabulary, and answers of any length. Both are deterministic. */

/**
 * A token is up to six letters or digits with the space before them, up to 16 white space characters, or one other
 * character. Its id is a hash of its text.
 */
const piece = / ?[\p{L}\p{N}_]{1,6}|\s{1,16}|[^\p{L}\p{N}_\s]/gu;

/** Length of the longest possible token in UTF-16 units; a huge prompt is refused by it before tokenizing. */
export const longestToken = 16;

export function pieces(text: string): string[] {
  return text.match(piece) ?? [];
}

export function tokenize(text: string): number[] {
  return pieces(text).map(hashText);
}

/** FNV-1a, 32 bits. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

const words = (
  'a the this that one each node token block cache batch worker prompt model prefix page layer queue room key ' +
  'reads keeps sends meets holds moves finds waits serves ends and then while after before with from into again'
).split(' ');

/** An endless stream of tokens; the same prompt always gives the same ones. */
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

/** An answer of at most `limit` tokens, cut before the first stop string; `stopped` if there was one. */
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
