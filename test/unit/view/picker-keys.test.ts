/** Keys of the picker as a terminal sends them: Esc, alone or with what follows at once, leaves. */
import { PassThrough } from 'node:stream';
import { Chalk } from 'chalk';
import { expect, it } from 'vitest';
import { pick } from '../../../src/view/picker.ts';

it.each([
  ['Esc', ['\u001B']],
  ['Esc and Ctrl-C in one read', ['\u001B\u0003']],
  ['Esc, then Ctrl-C', ['\u001B', '\u0003']],
  ['Esc and Enter in one read', ['\u001B\r']],
  ['Ctrl-C', ['\u0003']],
])('%s', async (_, reads) => {
  const input = Object.assign(new PassThrough(), { setRawMode: () => {}, isTTY: true });
  const output = Object.assign(new PassThrough(), { columns: 80, rows: 24, isTTY: true });
  const taken = pick(
    ['agg', 'disagg'],
    input as unknown as NodeJS.ReadStream,
    output as unknown as NodeJS.WriteStream,
    new Chalk({ level: 0 }),
  );
  for (const read of reads) input.write(read);
  expect(await taken).toBeUndefined();
});
