/** Pictures and videos: whole ones are read, damaged ones are refused with the reason. */
import { deflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { tinyImage } from '../../../src/plan/proof.ts';
import { mp4 } from '../../../src/sim/mp4.ts';
import { png } from '../../../src/sim/png.ts';
import { decodePicture } from '../../../src/smoke/picture.ts';
import { tinyPhoto } from '../../../src/smoke/cases/media.ts';
import { readVideo } from '../../../src/smoke/video-file.ts';

const bytesOf = (uri: string): Buffer => Buffer.from(uri.replace(/^data:[^,]*,/, ''), 'base64');

test('a PNG is decoded down to its pixels, a JPEG by its segments', async () => {
  expect(decodePicture(await png(40, 30, 1))).toEqual({ kind: 'PNG', width: 40, height: 30 });
  expect(decodePicture(bytesOf(tinyImage))).toEqual({ kind: 'PNG', width: 64, height: 64 });
  expect(decodePicture(bytesOf(tinyPhoto))).toEqual({ kind: 'JPEG', width: 64, height: 64 });
});

test('damaged pictures are refused', async () => {
  const whole = await png(40, 30, 1);
  const flipped = Buffer.from(whole);
  flipped[60] = (flipped[60] ?? 0) ^ 1;
  expect(() => decodePicture(flipped)).toThrow(/checksum/);
  expect(() => decodePicture(whole.subarray(0, -20))).toThrow();
  expect(() => decodePicture(bytesOf(tinyPhoto).subarray(0, 400))).toThrow(/no end/);
  expect(() => decodePicture(Buffer.from('<html>not found</html>'))).toThrow(/neither as PNG/);
  expect(() => decodePicture(deflateSync(whole))).toThrow();
});

test('a video tells its size, length and pictures', async () => {
  const frames = [await png(32, 16, 1), await png(32, 16, 2), await png(32, 16, 3)];
  expect(readVideo(mp4({ width: 32, height: 16, fps: 2, frames }))).toEqual({
    width: 32,
    height: 16,
    seconds: 1.5,
    frames: 3,
  });
});

test('damaged videos are refused', async () => {
  const whole = mp4({ width: 32, height: 16, fps: 2, frames: [await png(32, 16, 1)] });
  expect(() => readVideo(whole.subarray(0, -1))).toThrow(/mdat claims/);
  expect(() => readVideo(whole.subarray(28))).toThrow(/not with ftyp/);
  expect(() => readVideo(Buffer.from(whole.toString('latin1').replace('vide', 'soun'), 'latin1'))).toThrow(
    /no video track/,
  );
  expect(() => readVideo(mp4({ width: 32, height: 16, fps: 2, frames: [] }))).toThrow(/no picture/);
  expect(() => readVideo(Buffer.from(whole.toString('latin1').replace('mdat', 'free'), 'latin1'))).toThrow(
    /where no data is/,
  );
});
