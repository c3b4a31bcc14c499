/** What can be typed in a conversation besides questions, and images from files. */
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { nearest } from '../../base/nearest.ts';
import { DynamoError } from '../../base/error.ts';
import { errorCode, messageOf } from '../../base/error-code.ts';

const commands = {
  '/new': 'start a new conversation',
  '/system TEXT': 'start a new conversation with this system prompt',
  '/image FILE': 'attach a PNG, JPEG, GIF or WebP to the next question (vision models)',
  '/help': 'show this list',
  '/exit': 'quit, as Ctrl-D does; Ctrl-C stops an answer',
} as const;

export const commandsText = Object.entries(commands)
  .map(([name, what]) => `  ${name.padEnd(12)}  ${what}`)
  .join('\n');

export function unknownCommand(word: string): DynamoError {
  const names = Object.keys(commands).map((name) => name.split(' ')[0] ?? '');
  const meant = nearest(word, names);
  return new DynamoError('usage', `There is no ${word} in a chat.`, {
    hint: meant === undefined ? '/help   # lists what there is' : `did you mean ${meant}?`,
    fields: { asked: word },
  });
}

export interface ImagePart {
  readonly type: 'image_url';
  readonly image_url: { readonly url: string };
}

/** By how the file begins: names lie. */
const kinds: readonly (readonly [type: string, begin: RegExp])[] = [
  ['image/png', /^\x89PNG\r\n/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8/],
  ['image/webp', /^RIFF....WEBP/s],
];

/** An image is sent within the request, in which four bytes stand for three. */
const mostMegabytes = 20;

/** Throws `usage` for a file that is no image. Whether the model takes images is for the server to say. */
export function imageFrom(asked: string): ImagePart {
  const file = asked
    .trim()
    .replace(/^(['"])(.*)\1$/, '$2')
    .replace(/^~(?=\/)/, homedir());
  if (file === '') throw notAnImage('/image needs a file');
  const content = contentOf(file);
  const type = kinds.find(([, begin]) => begin.test(content.subarray(0, 16).toString('latin1')))?.[0];
  if (type === undefined) throw notAnImage(`${file} is no PNG, JPEG, GIF or WebP`);
  return { type: 'image_url', image_url: { url: `data:${type};base64,${content.toString('base64')}` } };
}

function contentOf(file: string): Buffer {
  try {
    const { size } = statSync(file);
    if (size > mostMegabytes * 1e6)
      throw notAnImage(`${file} has ${Math.round(size / 1e6)} MB; the limit is ${mostMegabytes} MB`);
    return readFileSync(file);
  } catch (error) {
    if (error instanceof DynamoError) throw error;
    throw notAnImage(errorCode(error) === 'ENOENT' ? `There is no file ${file}` : messageOf(error));
  }
}

function notAnImage(words: string): DynamoError {
  return new DynamoError('usage', `${words}.`, {
    hint: `/image ${join('~', 'picture.png')}`,
    fields: { option: '/image' },
  });
}
