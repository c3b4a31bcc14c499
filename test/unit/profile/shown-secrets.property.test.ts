/** Whatever is wrong with a profile, no error shows the value of a variable. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DynamoError } from '../../../src/base/error.ts';
import { loadProfile } from '../../../src/profile/load.ts';
import { good, memoryFiles, request } from './memory-files.ts';

const secret = 'Zq7secretWord';

/** Ways to write variables and arguments, each with the secret. */
const written = [
  `env:\n  LOGIN: ${secret}\n  other_login: "${secret}"\n`,
  `env:\n  LOGIN: |\n    ${secret}\n    and ${secret}\n`,
  `env: {LOGIN: ${secret}, DYN_LOG: debug, x: '${secret}'}\n`,
  `env: {\n  LOGIN: ${secret},\n  "b": ${secret}\n}\n`,
  `env:\n  - LOGIN=${secret}\n  - ${secret}\n`,
  `environment:\n  - LOGIN=${secret}\n`,
  `environment: {LOGIN: ${secret}}\n`,
  `x-env: &e {LOGIN: ${secret}}\nenv: {<<: *e}\n`,
  `env: ${secret}\n`,
  `infra: {nats: {servers: ['nats://me:${secret}@host']}}\n`,
];
const component = [
  `    env: {LOGIN: ${secret}}\n`,
  `    env:\n      LOGIN: ${secret}\n`,
  `    engineArgs:\n      sim: [--api-key, ${secret}, --url=http://a:${secret}@h]\n`,
  `    engineArgs:\n      sim:\n        - --api-key\n        - ${secret}\n        - --token=${secret}\n`,
  `    engineArgs: {sim: "--api-key ${secret}"}\n`,
];

const text = fc
  .tuple(fc.constantFrom(...written), fc.constantFrom(...component))
  .map(([top, inner]) => good.replace('    mode: aggregated\n', `    mode: aggregated\n${inner}`) + top);

/** Inserts or removes a character, but not inside the secret itself. */
const mutation = fc.record({
  at: fc.double({ min: 0, max: 0.999, noNaN: true }),
  put: fc.constantFrom(
    '',
    ' ',
    '\t',
    '"',
    "'",
    '{',
    '}',
    '[',
    ']',
    ':',
    '-',
    '#',
    '&',
    '*',
    ',',
    '\n',
    '\0',
    '|',
    '!',
  ),
  cut: fc.integer({ min: 0, max: 2 }),
});

function mutated(whole: string, changes: readonly { at: number; put: string; cut: number }[]): string {
  return changes.reduce((before, { at, put, cut }) => {
    const place = Math.floor(at * before.length);
    const end = place + cut;
    const spoilt = [...before.matchAll(new RegExp(secret, 'g'))].some(
      ({ index }) => place < index + secret.length && end > index - 1,
    );
    return spoilt ? before : before.slice(0, place) + put + before.slice(end);
  }, whole);
}

async function errorOf(profile: string): Promise<unknown> {
  const files = memoryFiles({ '/project/my.yaml': profile });
  return await loadProfile(request(files, './my.yaml')).catch((thrown: unknown) => thrown);
}

// The same cases each time: one of ten thousand may be too strange to explain. The time is for a busy machine.
test('no error shows it', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(text, fc.array(mutation, { minLength: 1, maxLength: 4 }), async (whole, changes) => {
      const error = await errorOf(mutated(whole, changes));
      if (!(error instanceof DynamoError)) return;
      expect([error.message, ...error.details, error.hint].join('\n')).not.toContain(secret);
    }),
    { numRuns: 3000, seed: 13 },
  );
});
