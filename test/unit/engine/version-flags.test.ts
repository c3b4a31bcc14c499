/** Which flags belong to an installed version. */
import { expect, test } from 'vitest';
import { chooseVersionFlags } from '../../../src/engine/version-flags.ts';

test.each([
  ['1.1.0', '1.1'],
  ['1.2.0.post1', '1.2'],
  ['1.3.0.post1', '1.3'],
  ['1.4.0rc1', '1.4'],
  ['1.4.2', '1.4'],
  ['1.5.1', '1.5'],
  ['1.6.1', '1.6'],
  ['1.6.0.dev20261001', '1.6'],
])('%s is %s', (version, generation) => {
  const { versionFlags, warning } = chooseVersionFlags(version);
  expect(versionFlags.generation).toBe(generation);
  expect(warning).toBeUndefined();
});

test.each(['1.7.0.dev20261101', '1.7.0', '1.10.0', '2.0.0'])(
  '%s is newer than tested: treated as the newest, with a warning',
  (version) => {
    const { versionFlags, warning } = chooseVersionFlags(version);
    expect(versionFlags.generation).toBe('1.6');
    expect(warning).toContain(version);
  },
);

test.each(['1.0.1', '0.9.1', 'main'])('%s is refused with a fix', (version) => {
  expect(() => chooseVersionFlags(version)).toThrow(
    expect.objectContaining({ code: 'environment', hint: expect.stringContaining('dynamo setup') }),
  );
});
