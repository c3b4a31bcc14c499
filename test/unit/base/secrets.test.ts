/** Which variables are secrets. */
import { expect, test } from 'vitest';
import {
  conceal,
  concealWords,
  isHarmless,
  isSecret,
  isSecretParameter,
  maySpill,
  redact,
} from '../../../src/base/secrets.ts';

test.each([
  'HF_TOKEN',
  'OPENAI_API_KEY',
  'AWS_SECRET_ACCESS_KEY',
  'db_password',
  'TOKEN',
  'GOOGLE_CREDENTIALS',
])('%s is a secret', (name) => expect(isSecret(name)).toBe(true));

test.each(['TOKENIZERS_PARALLELISM', 'MAX_TOKENS', 'KEYBOARD', 'MONKEY', 'DYN_LOG', 'PATH'])(
  '%s is not a secret',
  (name) => expect(isSecret(name)).toBe(false),
);

test('a well-known placeholder is not a secret', () => {
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
])('nothing of %s is revealed', (text, shown) => {
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
])('%s is unchanged', (text) => expect(redact(text)).toBe(text));

test.each([
  ['DYN_LOG', 'debug'],
  ['SGLANG_HOST_IP', '127.0.0.1'],
  ['NCCL_DEBUG', 'INFO'],
  ['HF_HUB_OFFLINE', '1'],
  ['PATH', '/usr/bin:/bin'],
  ['OPENAI_API_KEY', 'EMPTY'],
  ['ANYTHING', ''],
])('%s=%s may be shown', (name, value) => expect(isHarmless(name, value)).toBe(true));

test.each([
  ['COLOUR', 'blue'],
  ['DYN_AUTH_TOKEN', 'x'],
  ['HF_TOKEN', 'x'],
  ['NATS_SERVER', 'nats://me:pw@host:4222'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://token@host'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'api-key=x'],
  ['MYPATH', '/usr'],
])('%s=%s may not be shown', (name, value) => expect(isHarmless(name, value)).toBe(false));

test.each([
  [
    ['--api-key', 'x'],
    ['--api-key', '***'],
  ],
  [
    ['--api-key=x', '--port', '1'],
    ['--api-key=***', '--port', '1'],
  ],
  [
    ['--admin-token', '-x'],
    ['--admin-token', '***'],
  ],
  [
    ['--api-key', 'EMPTY'],
    ['--api-key', 'EMPTY'],
  ],
  [
    ['--api-key', '--port', '1'],
    ['--api-key', '--port', '1'],
  ],
  [
    ['--max-total-tokens', '9', '--tokenizer-path', '/x'],
    ['--max-total-tokens', '9', '--tokenizer-path', '/x'],
  ],
  [
    ['--url', 'http://a:b@h/x'],
    ['--url', 'http://a:***@h/x'],
  ],
  [
    ['-H', 'Authorization: Bearer x'],
    ['-H', 'Authorization: Bearer ***'],
  ],
  [
    ['--json', '{"api_key": "x"}'],
    ['--json', '{"api_key": "***"}'],
  ],
])('%j is shown as %j', (words, shown) => expect(concealWords(words)).toEqual(shown));

test.each([
  ['https://token@github.com/x', 'https://***@github.com/x'],
  ['https://u:p@ss@host', 'https://u:***@host'],
  ['https://host/x?token=abc&a=1', 'https://host/x?token=***&a=1'],
  ['me:pw@collector:4317', 'me:***@collector:4317'],
  ['nats:2.11.4@sha256:0123', 'nats:2.11.4@sha256:0123'],
  ['Qwen/Qwen3-0.6B', 'Qwen/Qwen3-0.6B'],
  ['tcp://*:1234', 'tcp://*:1234'],
])('%s is written as %s', (text, shown) => expect(conceal(text)).toBe(shown));

test('a parameter is secret by its name or the name of its variable', () => {
  expect(isSecretParameter('hfToken', [])).toBe(true);
  expect(isSecretParameter('login', ['HF_TOKEN'])).toBe(true);
  expect(isSecretParameter('maxTotalTokens', ['MAX_TOTAL_TOKENS'])).toBe(false);
});
