/** Decodes pictures as far as it takes to know that they are whole: PNG down to the pixels, JPEG by its segments. */
import { crc32, inflateSync } from 'node:zlib';

export interface Picture {
  readonly kind: 'PNG' | 'JPEG';
  readonly width: number;
  readonly height: number;
}

/** Throws an Error that says what is wrong with it. */
export function decodePicture(bytes: Buffer): Picture {
  if (bytes.subarray(0, 8).equals(pngMagic)) return decodePng(bytes);
  if (bytes.readUInt16BE(0) === 0xffd8) return decodeJpeg(bytes);
  throw new Error(`it begins with ${bytes.toString('hex', 0, 8)}, neither as PNG nor as JPEG`);
}

const pngMagic = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
/** Samples of a pixel, by colour type. Source: PNG specification, section 11.2.2. */
const samples: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

function decodePng(bytes: Buffer): Picture {
  const chunks = [...pngChunks(bytes)];
  const header = chunks[0];
  if (header?.type !== 'IHDR') throw new Error('the PNG has no header');
  if (chunks.at(-1)?.type !== 'IEND') throw new Error('the PNG has no end');
  const [width, height] = [header.data.readUInt32BE(0), header.data.readUInt32BE(4)];
  const [depth, colour, interlaced] = [
    header.data.readUInt8(8),
    header.data.readUInt8(9),
    header.data.readUInt8(12),
  ];
  const pixels = inflateSync(
    Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data)),
  );
  const row = 1 + Math.ceil((width * depth * (samples[colour] ?? 0)) / 8);
  if (interlaced === 0 && pixels.length !== row * height) {
    throw new Error(`the PNG holds ${pixels.length} bytes of pixels instead of ${row * height}`);
  }
  return { kind: 'PNG', width, height };
}

function* pngChunks(bytes: Buffer) {
  for (let at = pngMagic.length; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    const end = at + 8 + length;
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (crc32(bytes.subarray(at + 4, end)) !== bytes.readUInt32BE(end)) {
      throw new Error(`the checksum of ${type} is wrong`);
    }
    yield { type, data: bytes.subarray(at + 8, end) };
    at = end + 4;
  }
}

function decodeJpeg(bytes: Buffer): Picture {
  if (bytes.readUInt16BE(bytes.length - 2) !== 0xffd9) throw new Error('the JPEG has no end');
  for (let at = 2; ;) {
    if (bytes.readUInt8(at) !== 0xff) throw new Error(`the JPEG has no segment at byte ${at}`);
    const marker = bytes.readUInt8(at + 1);
    // Start of frame, of any coding; C4, C8 and CC are tables.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { kind: 'JPEG', width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
    }
    at += 2 + bytes.readUInt16BE(at + 2);
  }
}
