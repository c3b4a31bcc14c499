/** Writes PNG and MP4 files of any requested size, so that no fixed files need to be shipped. */
import { promisify } from 'node:util';
import { crc32, deflate } from 'node:zlib';
import { randomFrom } from '../base/random.ts';

/** A colour gradient that depends on `seed`; `turn`, from 0 to 1, rotates the colours once. */
export async function png(width: number, height: number, seed: number, turn = 0): Promise<Buffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits per channel, RGB, no interlacing.
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('tEXt', Buffer.from("Comment\0Simulated by dynamo's embedded engine", 'latin1')),
    chunk('IDAT', await promisify(deflate)(rows(width, height, seed, turn), { level: 1 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** The first row as is (filter 0), every other as the difference to the row above (filter 2). */
function rows(width: number, height: number, seed: number, turn: number): Buffer {
  const random = randomFrom(seed);
  const [red, green, blue] = [random(), random(), random()].map((base) => (base + turn) * 256);
  const first = Buffer.alloc(width * 3 + 1);
  const next = Buffer.alloc(width * 3 + 1, Buffer.from([0, 1, 0]));
  for (let x = 0; x < width; x++) {
    first.set([(red ?? 0) + (x * 255) / width, green ?? 0, blue ?? 0], x * 3 + 1);
  }
  next.copyWithin(1, 0);
  next[0] = 2;
  return Buffer.concat([first, ...Array<Buffer>(height - 1).fill(next)]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

interface Video {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly frames: readonly Buffer[];
}

/** An MP4 video of PNG frames: object type 0x6D of the MP4 registry. */
export function mp4(video: Video): Buffer {
  const type = box('ftyp', Buffer.from('isom'), 512, Buffer.from('isomiso2mp41'));
  // The header contains the offset of the data, which depends on the size of the header: written twice.
  const offset = type.length + movie(video, 0).length + 8;
  return Buffer.concat([type, movie(video, offset), box('mdat', ...video.frames)]);
}

const timescale = 90_000;
const unity = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000];
/** ES descriptor: decoder configuration for object type 0x6D in a visual stream, then the fixed SL configuration. */
const descriptor = Buffer.from('0315000100040d6d110000000000000000000000060102', 'hex');

/** The first number in many boxes is version and flags. */
function movie(video: Video, offset: number): Buffer {
  const { width, height, frames } = video;
  const step = Math.round(timescale / video.fps);
  const duration = step * frames.length;
  // Data reference 1, size, 72 dpi, one frame per sample, an empty name, 24 bits of colour, no colour table.
  const visual = [0, 1, Buffer.alloc(16), width * 65_536 + height, 0x480000, 0x480000, 0, 0x10000];
  const depth = [Buffer.alloc(28), 24, Buffer.of(255, 255)];
  const entry = box('mp4v', ...visual, ...depth, box('esds', 0, descriptor));
  const samples = box(
    'stbl',
    box('stsd', 0, 1, entry),
    box('stts', 0, 1, frames.length, step),
    box('stsc', 0, 1, 1, frames.length, 1),
    box('stsz', 0, 0, frames.length, ...frames.map((frame) => frame.length)),
    box('stco', 0, 1, offset),
  );
  const data = box('dinf', box('dref', 0, 1, box('url ', 1)));
  const media = box(
    'mdia',
    box('mdhd', 0, 0, 0, timescale, duration, 0x55c40000),
    box('hdlr', 0, 0, Buffer.from('vide'), 0, 0, 0, Buffer.from('sim\0')),
    box('minf', box('vmhd', 1, 0, 0), data, samples),
  );
  const rest = [0x10000, 0x01000000, Buffer.alloc(8), ...unity, Buffer.alloc(24), 2];
  const head = box('mvhd', 0, 0, 0, timescale, duration, ...rest);
  const size = [width * 65_536, height * 65_536];
  const track = box('tkhd', 3, 0, 0, 1, 0, duration, 0, 0, 0, 0, ...unity, ...size);
  return box('moov', head, box('trak', track, media));
}

/** Numbers are written in 32 bits. */
function box(type: string, ...parts: readonly (Buffer | number)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'number' ? u32(part) : part)));
  return Buffer.concat([u32(body.length + 8), Buffer.from(type), body]);
}

function u32(value: number): Buffer {
  return Buffer.from(value.toString(16).padStart(8, '0'), 'hex');
}
