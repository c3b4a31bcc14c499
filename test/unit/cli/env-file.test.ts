/** `.env` as docker compose reads it. */
import { describe, expect, it, test } from 'vitest';
import { parseEnvFile } from '../../../src/cli/env-file.ts';

const read = (text: string, known: Record<string, string> = {}): Record<string, string> =>
  parseEnvFile(text, '.env', known);

// The examples of Docker's page on interpolation.
it.each([
  ['VAR=VAL', 'VAL'],
  ['VAR="VAL"', 'VAL'],
  ["VAR='VAL'", 'VAL'],
  ['VAR: VAL', 'VAL'],
  ['export VAR=VAL', 'VAL'],
  ['VAR=VAL # comment', 'VAL'],
  ['VAR=VAL# not a comment', 'VAL# not a comment'],
  ['VAR="VAL # not a comment"', 'VAL # not a comment'],
  ['VAR="VAL" # comment', 'VAL'],
  ["VAR='$OTHER'", '$OTHER'],
  ["VAR='${OTHER}'", '${OTHER}'],
  ["VAR='Let\\'s go!'", "Let's go!"],
  ['VAR="{\\"hello\\": \\"json\\"}"', '{"hello": "json"}'],
  ['VAR="some\\tvalue"', 'some\tvalue'],
  ["VAR='some\\tvalue'", 'some\\tvalue'],
  ['VAR=some\\tvalue', 'some\\tvalue'],
  ["VAR='SOME\nVALUE'", 'SOME\nVALUE'],
  ['VAR=', ''],
  ['VAR=a=b', 'a=b'],
  ['VAR=pass$$word', 'pass$word'],
])('%j', (text, value) => {
  expect(read(`# first\n\n${text}\nNEXT=1\r\n`)).toEqual({ VAR: value, NEXT: '1' });
});

test('values refer to variables that are set, and to earlier lines', () => {
  const known = { SET: 's', EMPTY: '' };
  expect(
    read(
      'A=1\nB=$A-${SET}\nC=${NO:-x}${EMPTY:-y}${EMPTY-z}\nD=${SET:+on}${NO+on}\nE=${NO:-${A}}\nF=${NO}.',
      known,
    ),
  ).toEqual({ A: '1', B: '1-s', C: 'xy', D: 'on', E: '1', F: '.' });
});

test('a name alone sets nothing', () => {
  expect(read('A\nB=1\nexport C\n')).toEqual({ B: '1' });
});

describe('faults name file and line, and never show a value', () => {
  it.each([
    ['A=1\n\n=secret', '.env:3: this is no variable.'],
    ['A=1\nB="secret', '.env:2: the value of B has no closing ".'],
    ["A='x' secret", '.env:1: there is text after the value of A.'],
    ['A=${NO:?set NO first}', '.env:1: A: set NO first.'],
    ['A=${NO?}', '.env:1: A: NO is not set.'],
  ])('%j', (text, message) => {
    expect(() => read(text)).toThrow(message);
    expect(() => read(text)).not.toThrow(/secret/);
  });
});
