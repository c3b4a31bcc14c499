/** A video is a whole MP4 file of the size that was asked for, whose pictures are all there. */
import { messageOf } from '../../base/error-code.ts';
import type { SmokeCase } from '../case.ts';
import { wrong } from '../verdict.ts';
import { askedSize, generateMedia } from '../media.ts';
import { readVideo, type Video } from '../video-file.ts';

export const video: SmokeCase = {
  name: 'video',
  fits: ({ proof }) => proof.request === 'video',
  run: async (client, target) => {
    const { width, height, seconds, frames } = read(await generateMedia(client, target));
    const asked = askedSize(target);
    if (width !== asked.width || height !== asked.height) {
      wrong(`asked for ${asked.width}x${asked.height}, got ${width}x${height}`);
    }
    return `${frames} pictures of ${width}x${height} in ${seconds.toFixed(1)} s`;
  },
};

function read(bytes: Buffer): Video {
  try {
    return readVideo(bytes);
  } catch (error) {
    wrong(`${bytes.length} bytes that no player shows: ${messageOf(error)}`);
  }
}
