/** Writes a real PNG file: a colour gradient that depends on the prompt. Of any size asked for, so none can be shipped. */
import { promisify } from 'node:util';
import { crc32, deflate } from 'node:zlib';
import { randomFrom } from './tokenizer.ts';

/** `turn`, from 0 to 1, moves the colours once round. */
export async function png(width: number, height: number, seed: number, turn = 0): Promise<Buffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits a channel, RGB, no interlacing.
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('tEXt', Buffer.from("Comment\0Simulated by dynamo's embedded engine", 'latin1')),
    chunk('IDAT', await promisify(deflate)(rows(width, height, seed, turn), { level: 1 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** The first row as it is (filter 0), each other as its difference to the row above (filter 2). */
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
