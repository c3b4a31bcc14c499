/** Reads an MP4 file as a player does before the first picture: its boxes, its one video track, where each picture lies. */
export interface Video {
  readonly width: number;
  readonly height: number;
  readonly seconds: number;
  readonly frames: number;
}

interface Box {
  readonly type: string;
  readonly body: Buffer;
  /** Of the body, in the file. */
  readonly begin: number;
}

/** Throws an Error that says what is wrong with it. Source: ISO/IEC 14496-12. */
export function readVideo(bytes: Buffer): Video {
  const top = boxesIn(bytes, 0);
  if (top[0]?.type !== 'ftyp') throw new Error(`it begins with ${top[0]?.type ?? 'nothing'}, not with ftyp`);
  const movie = inside(one(top, 'moov'));
  const track = movie.filter(({ type }) => type === 'trak').find(isVideo);
  if (track === undefined) throw new Error('there is no video track');
  const media = inside(one(inside(track), 'mdia'));
  const table = inside(one(inside(one(media, 'minf')), 'stbl'));
  const frames = one(table, 'stsz').body.readUInt32BE(8);
  if (frames === 0) throw new Error('the track holds no picture');
  checkPlaces(table, top);
  const head = one(inside(track), 'tkhd').body;
  return {
    width: head.readUInt32BE(head.length - 8) >>> 16,
    height: head.readUInt32BE(head.length - 4) >>> 16,
    seconds: secondsOf(one(media, 'mdhd').body),
    frames,
  };
}

function boxesIn(bytes: Buffer, offset: number): Box[] {
  const boxes: Box[] = [];
  for (let at = 0; at < bytes.length;) {
    const short = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    // Size 1: the real one follows in 64 bits. Size 0: up to the end.
    const header = short === 1 ? 16 : 8;
    const size =
      short === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : short === 0 ? bytes.length - at : short;
    if (size < header || at + size > bytes.length) {
      throw new Error(`the box ${type} claims ${size} bytes where ${bytes.length - at} are left`);
    }
    boxes.push({ type, body: bytes.subarray(at + header, at + size), begin: offset + at + header });
    at += size;
  }
  return boxes;
}

function inside({ body, begin }: Box): Box[] {
  return boxesIn(body, begin);
}

function one(boxes: readonly Box[], type: string): Box {
  const found = boxes.find((each) => each.type === type);
  if (found === undefined) throw new Error(`there is no box ${type}`);
  return found;
}

function isVideo(track: Box): boolean {
  const handler = one(inside(one(inside(track), 'mdia')), 'hdlr').body;
  return handler.toString('latin1', 8, 12) === 'vide';
}

/** Every run of pictures must begin inside the data. */
function checkPlaces(table: readonly Box[], top: readonly Box[]): void {
  const wide = table.find(({ type }) => type === 'co64');
  const places = wide ?? one(table, 'stco');
  const data = top.filter(({ type }) => type === 'mdat');
  for (let i = 0; i < places.body.readUInt32BE(4); i++) {
    const place =
      wide === undefined
        ? places.body.readUInt32BE(8 + i * 4)
        : Number(places.body.readBigUInt64BE(8 + i * 8));
    const holds = data.some(({ begin, body }) => place >= begin && place < begin + body.length);
    if (!holds) throw new Error(`pictures are said to lie at byte ${place}, where no data is`);
  }
}

function secondsOf(header: Buffer): number {
  const isLong = header.readUInt8(0) === 1;
  const scale = header.readUInt32BE(isLong ? 20 : 12);
  const duration = isLong ? Number(header.readBigUInt64BE(24)) : header.readUInt32BE(16);
  return scale === 0 ? 0 : duration / scale;
}
