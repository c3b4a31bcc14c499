import { expect, test } from 'vitest';
import { pieces, tokenize } from '../../../src/sim/text.ts';

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
