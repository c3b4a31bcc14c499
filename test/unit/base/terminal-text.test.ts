import { expect, it } from 'vitest';
import { plainText } from '../../../src/base/terminal-text.ts';

it('model output cannot control the terminal; line breaks and tabs stay', () => {
  expect(plainText('a\u001B[31mb\u0007\u009Bc\r\n\td é 日')).toBe('a[31mbc\n\td é 日');
});
