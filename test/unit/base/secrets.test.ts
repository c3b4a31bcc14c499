/** Which variables are secrets. */
import { expect, test } from 'vitest';
import { isSecret, maySpill, redact } from '../../../src/base/secrets.ts';

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

test.each([
  ['HF_TOKEN=hf_abcdefghijklmnopqrst', 'HF_TOKEN=***'],
  ['token hf_abcdefghijklmnopqrst is wrong', 'token *** is wrong'],
  ['Authorization: Bearer abc.def.ghi123', 'Authorization: Bearer ***'],
  ['{"api_key": "sk-1234567890abcdefgh", "n": 1}', '{"api_key": "***", "n": 1}'],
  ['nats://user:hunter22@127.0.0.1:4222', 'nats://user:***@127.0.0.1:4222'],
  ["password='correct horse'", "password='*** horse'"],
  ['export DB_PASSWORD=topsecret1', 'export DB_PASSWORD=***'],
  ['auth_token: 0123456789', 'auth_token: ***'],
])('of %s nothing is spilt', (text, shown) => {
  expect(maySpill(text)).toBe(true);
  expect(redact(text)).toBe(shown);
});

test.each([
  'Prefill batch, #new-seq: 1, #new-token: 12345678, #cached-token: 0',
  'eos_token="<|im_end|>" pad_token: "<|endoftext|>"',
  'max_total_num_tokens=1234567, chunked_prefill_size=8192',
  'api_key=EMPTY',
  'GET http://127.0.0.1:8000/v1/models 200',
  'see https://example.com:8080/a@b',
])('%s stays as it is', (text) => expect(redact(text)).toBe(text));
