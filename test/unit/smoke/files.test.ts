/** Pictures and videos: whole ones are read, damaged ones are refused with the reason. */
import { deflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { tinyImage } from '../../../src/plan/proof.ts';
import { mp4, png } from '../../../src/sim/media-files.ts';
import { tinyPhoto } from '../../../src/smoke/cases/media.ts';
import { readPicture, readVideo } from '../../../src/smoke/media-file.ts';

const bytesOf = (uri: string): Buffer => Buffer.from(uri.replace(/^data:[^,]*,/, ''), 'base64');

test('pictures tell their kind and size', async () => {
  expect(readPicture(await png(40, 30, 1))).toEqual({ kind: 'PNG', width: 40, height: 30 });
  expect(readPicture(bytesOf(tinyImage))).toEqual({ kind: 'PNG', width: 64, height: 64 });
  expect(readPicture(bytesOf(tinyPhoto))).toEqual({ kind: 'JPEG', width: 64, height: 64 });
});

test('damaged pictures are refused', async () => {
  const whole = await png(40, 30, 1);
  expect(() => readPicture(whole.subarray(0, -20))).toThrow(/is truncated/);
  expect(() => readPicture(bytesOf(tinyPhoto).subarray(0, 400))).toThrow(/is truncated/);
  expect(() => readPicture(Buffer.from('<html>not found</html>'))).toThrow(/neither PNG/);
  expect(() => readPicture(deflateSync(whole))).toThrow(/neither PNG/);
  expect(() => readPicture(Buffer.alloc(0))).toThrow(/neither PNG/);
});

test('a video tells its size and length', async () => {
  const frames = [await png(32, 16, 1), await png(32, 16, 2), await png(32, 16, 3)];
  expect(readVideo(mp4({ width: 32, height: 16, fps: 2, frames }))).toEqual({
    width: 32,
    height: 16,
    seconds: 1.5,
  });
});

test('damaged videos are refused', async () => {
  const whole = mp4({ width: 32, height: 16, fps: 2, frames: [await png(32, 16, 1)] });
  const renamed = (name: string, other: string): Buffer =>
    Buffer.from(whole.toString('latin1').replaceAll(name, other), 'latin1');
  expect(() => readVideo(whole.subarray(0, -1))).toThrow(/mdat claims/);
  expect(() => readVideo(whole.subarray(28))).toThrow(/not with ftyp/);
  expect(() => readVideo(renamed('tkhd', 'free'))).toThrow(/no video track/);
  expect(() => readVideo(renamed('mdat', 'free'))).toThrow(/no movie/);
  expect(() => readVideo(renamed('mvhd', 'free'))).toThrow(/no header/);
  expect(() => readVideo(mp4({ width: 32, height: 16, fps: 2, frames: [] }))).toThrow(/duration is zero/);
  expect(() => readVideo(mp4({ width: 0, height: 0, fps: 2, frames: [whole] }))).toThrow(/no video track/);
});

// A movie header with 64-bit times, as some encoders write it: 3 s at 1000 per second, with an audio track first.
test('64-bit times and a track of sound are understood', () => {
  const [u32, box] = [
    (value: number): Buffer => Buffer.from(value.toString(16).padStart(8, '0'), 'hex'),
    (type: string, ...body: Buffer[]): Buffer =>
      Buffer.concat([u32(8 + Buffer.concat(body).length), Buffer.from(type), ...body]),
  ];
  const track = (width: number, height: number): Buffer =>
    box('tkhd', Buffer.alloc(84), u32(width * 65_536), u32(height * 65_536));
  const head = box('mvhd', u32(0x01000000), Buffer.alloc(16), u32(1000), u32(0), u32(3000), Buffer.alloc(80));
  const file = [box('ftyp'), box('mdat', Buffer.alloc(9)), box('moov', head, track(0, 0), track(640, 360))];
  expect(readVideo(Buffer.concat(file))).toEqual({ width: 640, height: 360, seconds: 3 });
});
