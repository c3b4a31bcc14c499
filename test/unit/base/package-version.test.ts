/** Order of package versions. */
import { expect, test } from 'vitest';
import { compareVersions, isVersion } from '../../../src/base/package-version.ts';

const inOrder = [
  'nonsense',
  '0.9.1',
  '1.2.0.dev1',
  '1.2.0a1',
  '1.2.0b2',
  '1.2.0rc1.dev3',
  '1.2.0rc1',
  '1.2.0',
  '1.2.0.post1',
  '1.2.0.post2',
  '1.2.1',
  '1.10.0',
  '2',
];

test('versions sort as in PEP 440', () => {
  for (const [index, version] of inOrder.entries()) {
    for (const [other, older] of inOrder.slice(0, index).entries()) {
      expect(compareVersions(version, older), `${version} after ${older} (${other})`).toBeGreaterThan(0);
      expect(compareVersions(older, version)).toBeLessThan(0);
    }
    expect(compareVersions(version, version)).toBe(0);
  }
});

test('a shorter release is the same as one with zeros, and a local part does not count', () => {
  expect(compareVersions('1.2', '1.2.0')).toBe(0);
  expect(compareVersions('1.2.0+cpu', '1.2.0')).toBe(0);
});

test('what is a version', () => {
  for (const text of ['1.4.2', '1.3.0.post1', '4.0.0b18', '1.6.0rc1'])
    expect(isVersion(text), text).toBe(true);
  for (const text of ['', 'latest', '1.x', '>=1.4', '1.4.2; rm']) expect(isVersion(text), text).toBe(false);
});
