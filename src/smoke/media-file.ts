/** Reads images and videos as far as needed to check that they have the right size and are not truncated. */
import { JPG } from 'image-size/types/jpg';
import { PNG } from 'image-size/types/png';

interface Size {
  readonly width: number;
  readonly height: number;
}

/** How a file of this kind ends. */
const ends = {
  PNG: Buffer.from('IEND\xae\x42\x60\x82', 'latin1'),
  JPEG: Buffer.of(0xff, 0xd9),
};

/** Throws an Error with the fault. */
export function readPicture(bytes: Buffer): Size & { readonly kind: 'PNG' | 'JPEG' } {
  const kind = PNG.validate(bytes) ? 'PNG' : JPG.validate(bytes) ? 'JPEG' : undefined;
  if (kind === undefined) {
    throw new Error(`it starts with ${bytes.toString('hex', 0, 8)}, which is neither PNG nor JPEG`);
  }
  const end = ends[kind];
  if (!bytes.subarray(-end.length).equals(end)) throw new Error(`the ${kind} is truncated`);
  const { width, height } = (kind === 'PNG' ? PNG : JPG).calculate(bytes);
  return { kind, width, height };
}

/** An MP4 file of complete boxes with a track that has a size and a duration. Throws as above. Source: ISO/IEC 14496-12. */
export function readVideo(bytes: Buffer): Size & { readonly seconds: number } {
  const boxes = topBoxes(bytes);
  const [first = 'nothing'] = boxes.keys();
  if (first !== 'ftyp') throw new Error(`it starts with ${first}, not with ftyp`);
  const movie = boxes.get('moov');
  if (movie === undefined || !boxes.has('mdat')) throw new Error('it contains no movie');
  const seconds = durationOf(movie);
  if (!(seconds > 0)) throw new Error('its duration is zero');
  return { ...pictureSize(movie), seconds };
}

function topBoxes(bytes: Buffer): Map<string, Buffer> {
  const boxes = new Map<string, Buffer>();
  for (let at = 0; at < bytes.length;) {
    const left = bytes.length - at;
    const short = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    // Size 1: the real one follows in 64 bits. Size 0: up to the end.
    const size = short === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : short === 0 ? left : short;
    if (size < 8 || size > left)
      throw new Error(`the box ${type} claims ${size} bytes, but only ${left} are left`);
    boxes.set(type, bytes.subarray(at, at + size));
    at += size;
  }
  return boxes;
}

/** Version 1 of a header counts time in 64 bits. */
function durationOf(movie: Buffer): number {
  const at = movie.indexOf('mvhd');
  if (at < 0) throw new Error('the movie has no header');
  const head = movie.subarray(at + 4);
  const isLong = head.readUInt8(0) === 1;
  const duration = isLong ? Number(head.readBigUInt64BE(24)) : head.readUInt32BE(16);
  return duration / head.readUInt32BE(isLong ? 20 : 12);
}

/** The size of the first track that has one: audio tracks have none. */
function pictureSize(movie: Buffer): Size {
  for (let at = movie.indexOf('tkhd'); at > 0; at = movie.indexOf('tkhd', at + 4)) {
    const end = at - 4 + movie.readUInt32BE(at - 4);
    const [width, height] = [movie.readUInt16BE(end - 8), movie.readUInt16BE(end - 4)];
    if (width > 0 && height > 0) return { width, height };
  }
  throw new Error('there is no video track');
}
