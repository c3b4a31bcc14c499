import { inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readImage } from '../../../src/sim/images.ts';
import { mp4, png } from '../../../src/sim/media-files.ts';

test('a PNG has all pixels of the requested size', async () => {
  const file = await png(33, 17, 1);
  expect(readImage(file)).toEqual({ type: 'png', width: 33, height: 17 });
  const start = file.indexOf('IDAT');
  const data = file.subarray(start + 4, start + 4 + file.readUInt32BE(start - 4));
  expect(inflateSync(data)).toHaveLength((33 * 3 + 1) * 17);
});

test('the same seed gives the same picture, another seed another one', async () => {
  expect(await png(20, 20, 5)).toEqual(await png(20, 20, 5));
  expect(await png(20, 20, 5)).not.toEqual(await png(20, 20, 6));
});

test('an MP4 consists of complete boxes, with its frames where the table says', async () => {
  const frames = [await png(50, 34, 9), await png(50, 34, 9, 0.5)];
  const file = mp4({ width: 50, height: 34, fps: 10, frames });
  const boxes: string[] = [];
  for (let at = 0; at < file.length; at += file.readUInt32BE(at))
    boxes.push(file.toString('latin1', at + 4, at + 8));
  expect(boxes).toEqual(['ftyp', 'moov', 'mdat']);
  const offset = file.readUInt32BE(file.indexOf('stco') + 12);
  expect(file.subarray(offset)).toEqual(Buffer.concat(frames));
});

test.each([
  {
    name: 'webp',
    bytes: Buffer.from('RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x1f\0\0\x0f\0\0', 'latin1'),
    width: 32,
    height: 16,
  },
  { name: 'gif', bytes: Buffer.from('GIF89a\x05\0\x06\0', 'latin1'), width: 5, height: 6 },
  {
    name: 'jpeg',
    bytes: Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc0, 0, 11, 8, 0, 7, 0, 9, 1, 1, 0x11, 0]),
    width: 9,
    height: 7,
  },
])('the size of a $name is read', ({ name, bytes, width, height }) => {
  expect(readImage(bytes)).toEqual({ type: name, width, height });
});

test('anything but a complete image is rejected with the reason', async () => {
  const whole = await png(40, 40, 1);
  expect(() => readImage(whole.subarray(0, whole.length - 30))).toThrow('cut off');
  const webp = Buffer.from('RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0', 'latin1');
  expect(() => readImage(webp)).toThrow('the webp image is cut off');
  expect(() => readImage(Buffer.from('<html>'))).toThrow('not a PNG');
  expect(() => readImage(Buffer.alloc(0))).toThrow('not a PNG');
});
