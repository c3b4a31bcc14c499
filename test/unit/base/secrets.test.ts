/** Which variables are secrets. */
import { expect, test } from 'vitest';
import { isSecret } from '../../../src/base/secrets.ts';

test.each([
  'HF_TOKEN',
  'OPENAI_API_KEY',
  'AWS_SECRET_ACCESS_KEY',
  'db_password',
  'TOKEN',
  'GOOGLE_CREDENTIALS',
])('%s is a secret', (name) => expect(isSecret(name)).toBe(true));

test.each(['TOKENIZERS_PARALLELISM', 'MAX_TOKENS', 'KEYBOARD', 'MONKEY', 'DYN_LOG', 'PATH'])(
  '%s is none',
  (name) => expect(isSecret(name)).toBe(false),
);

test('a placeholder that everybody knows is no secret', () => {
  expect(isSecret('OPENAI_API_KEY', 'EMPTY')).toBe(false);
  expect(isSecret('OPENAI_API_KEY', 'sk-1')).toBe(true);
});
