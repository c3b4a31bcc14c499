/** An image is a PNG or JPEG that can be decoded, of the size that was asked for. */
import { messageOf } from '../../base/error-code.ts';
import type { SmokeCase } from '../case.ts';
import { wrong } from '../verdict.ts';
import { askedSize, generateMedia } from '../media.ts';
import { decodePicture, type Picture } from '../picture.ts';

export const image: SmokeCase = {
  name: 'image',
  fits: ({ proof }) => proof.request === 'image',
  run: async (client, target) => {
    const picture = decode(await generateMedia(client, target));
    const asked = askedSize(target);
    const size = `${picture.width}x${picture.height}`;
    if (picture.width !== asked.width || picture.height !== asked.height) {
      wrong(`asked for ${asked.width}x${asked.height}, got ${size}`);
    }
    return `a ${picture.kind} of ${size}`;
  },
};

function decode(bytes: Buffer): Picture {
  try {
    return decodePicture(bytes);
  } catch (error) {
    wrong(`${bytes.length} bytes that are no picture: ${messageOf(error)}`);
  }
}
