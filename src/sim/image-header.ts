/** Reads type and size of a PNG, JPEG, GIF or WebP image, or throws the reason why it cannot be one. */
export interface SeenImage {
  readonly type: string;
  readonly width: number;
  readonly height: number;
}

type SizeReader = (bytes: Buffer) => readonly [width: number, height: number];

/** By the first bytes, in hexadecimal. Reading beyond the end throws. */
const kinds: readonly (readonly [magic: string, type: string, sizeOf: SizeReader])[] = [
  ['89504e470d0a1a0a', 'png', (bytes) => [bytes.readUInt32BE(16), bytes.readUInt32BE(20)]],
  ['ffd8ff', 'jpeg', jpegSize],
  ['47494638', 'gif', (bytes) => [bytes.readUInt16LE(6), bytes.readUInt16LE(8)]],
  ['52494646', 'webp', webpSize],
];

export function readImage(bytes: Buffer): SeenImage {
  const [, type, sizeOf] = kinds.find(([magic]) => bytes.toString('hex', 0, 8).startsWith(magic)) ?? [];
  if (sizeOf === undefined || type === undefined) throw new Error('not a PNG, JPEG, GIF or WebP image');
  try {
    const [width, height] = sizeOf(bytes);
    // A download that stopped half way has no last chunk.
    const whole = type !== 'png' || bytes.subarray(-8).includes('IEND');
    if (whole && width > 0 && height > 0) return { type, width, height };
  } catch {
    // As below.
  }
  throw new Error(`the ${type} image is cut off or damaged`);
}

function jpegSize(bytes: Buffer): [width: number, height: number] {
  let at = 2;
  for (;;) {
    const marker = bytes.readUInt8(at + 1);
    // Start of frame, of any coding; C4, C8 and CC are tables.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return [bytes.readUInt16BE(at + 7), bytes.readUInt16BE(at + 5)];
    }
    at += 2 + bytes.readUInt16BE(at + 2);
  }
}

function webpSize(bytes: Buffer): [width: number, height: number] {
  const kind = bytes.toString('latin1', 8, 16);
  if (kind === 'WEBPVP8X') return [bytes.readUIntLE(24, 3) + 1, bytes.readUIntLE(27, 3) + 1];
  if (kind === 'WEBPVP8 ') return [bytes.readUInt16LE(26) & 0x3fff, bytes.readUInt16LE(28) & 0x3fff];
  const bits = bytes.readUInt32LE(21);
  return [(bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1];
}
