/** Simulated text: tokens and answers. */
import { expect, test } from 'vitest';
import { answer, pieces, tokenize } from '../../../src/sim/text.ts';

test('the pieces of a text join to the same text', () => {
  const text = 'Hello, wonderful world!\n\n  snake_case 東京 🎉 1234567890123\t';
  expect(pieces(text).join('')).toBe(text);
});

test('a long word is several tokens; a space belongs to the next word', () => {
  expect(pieces('a simulated answer.')).toEqual(['a', ' simula', 'ted', ' answer', '.']);
});

test('the same text has the same ids, no text has none', () => {
  expect(tokenize('same text')).toEqual(tokenize('same text'));
  expect(tokenize('')).toEqual([]);
});

const begin = 'This is a simulated answer.';

test('an answer starts with its introduction, has the requested length, and is the same for the same prompt', () => {
  const { tokens, stopped } = answer('x', begin, 50, []);
  expect([tokens.length, stopped]).toEqual([50, false]);
  expect(tokens.join('').startsWith(begin)).toBe(true);
  expect(answer('x', begin, 50, []).tokens).toEqual(tokens);
  expect(answer('y', begin, 50, []).tokens).not.toEqual(tokens);
});

test.each([
  { stops: ['simulated'], shown: 'This is a ', stopped: true },
  { stops: ['ulated an', 'sim'], shown: 'This is a ', stopped: true },
  { stops: ['lated'], shown: 'This is a simu', stopped: true },
  { stops: ['This'], shown: '', stopped: true },
  { stops: ['never'], shown: 'This is a simulated', stopped: false },
  { stops: [], shown: 'This is a simulated', stopped: false },
])('it ends before the first of $stops', ({ stops, shown, stopped }) => {
  const given = answer('x', begin, 5, stops);
  expect({ shown: given.tokens.join(''), stopped: given.stopped }).toEqual({ shown, stopped });
});
