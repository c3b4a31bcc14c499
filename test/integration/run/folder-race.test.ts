/** The first commands of a new user may start at the same time: each finds its folders, whoever made them. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { makePrivate } from '../../../src/run/folders.ts';
import { bundledScript } from '../../support/bundled-script.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const makers = 3;
const rounds = 700;

test('several processes make the same state folder at once', async () => {
  const folder = tempFolder();
  const script = bundledScript('folder-maker');
  const words = [script, folder, String(rounds), String(Date.now() + 500)];
  const ends = await Promise.all(
    Array.from({ length: makers }, async () => await promisify(execFile)(process.execPath, words)),
  );
  expect(ends.map(({ stdout }) => stdout)).toEqual(Array.from({ length: makers }, () => '[]'));
  for (let round = 0; round < rounds; round++)
    expect(existsSync(join(folder, String(round), 'dynamo', 'runs'))).toBe(true);
});

test('where nothing can be made, that is an error', () => {
  expect(() => makePrivate('/proc/dynamo/runs')).toThrow('/proc/dynamo/runs cannot be created: ENOENT');
});
