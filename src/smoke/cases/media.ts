/** Cases about images in requests, and generated images and videos. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../base/error-code.ts';
import { judge, proofRequest, tinyImage } from '../../plan/proof.ts';
import type { Target } from '../target.ts';
import type { Client, SmokeCase } from '../client.ts';
import { chatBody, chatPath } from '../chat.ts';
import { listOf, objectOf, shown, textOf } from '../answers.ts';
import { readPicture, readVideo } from '../media-file.ts';
import { wrong } from '../result.ts';

/** PNG and JPEG images in requests are accepted and answered. */
export const vision: SmokeCase = {
  name: 'vision',
  fits: ({ proof }) => proof.request === 'vision',
  run: async (client, target) => {
    const answers: string[] = [];
    for (const [kind, url] of [
      ['PNG', tinyImage],
      ['JPEG', tinyPhoto],
    ]) {
      const content = [
        { type: 'text', text: 'What is in this image?' },
        { type: 'image_url', image_url: { url } },
      ];
      const { status, text } = await client.post(chatPath, chatBody(target, content, 24));
      if (status !== 200) wrong(`HTTP ${status} for a ${kind}: ${shown(text)}`);
      const verdict = judge('vision', text);
      if ('wrong' in verdict) wrong(`${kind}: ${verdict.wrong}`);
      answers.push(`${kind} seen`);
    }
    return answers.join(', ');
  },
};

/** A generated image is a complete PNG or JPEG of the requested size. */
export const image: SmokeCase = {
  name: 'image',
  fits: ({ proof }) => proof.request === 'image',
  run: async (client, target) => {
    const picture = read(readPicture, await generateMedia(client, target), 'are not a valid image');
    const asked = askedSize(target);
    const size = `${picture.width}x${picture.height}`;
    if (picture.width !== asked.width || picture.height !== asked.height) {
      wrong(`asked for ${asked.width}x${asked.height}, got ${size}`);
    }
    return `a ${picture.kind} of ${size}`;
  },
};

/** A generated video is a complete MP4 file of the requested size. */
export const video: SmokeCase = {
  name: 'video',
  fits: ({ proof }) => proof.request === 'video',
  run: async (client, target) => {
    const file = await generateMedia(client, target);
    const { width, height, seconds } = read(readVideo, file, 'are not a valid video');
    const asked = askedSize(target);
    if (width !== asked.width || height !== asked.height) {
      wrong(`asked for ${asked.width}x${asked.height}, got ${width}x${height}`);
    }
    return `${seconds.toFixed(1)} s of ${width}x${height}`;
  },
};

function read<T>(reader: (bytes: Buffer) => T, bytes: Buffer, verdict: string): T {
  try {
    return reader(bytes);
  } catch (error) {
    wrong(`${bytes.length} bytes ${verdict}: ${messageOf(error)}`);
  }
}

/** Sends the proving request of the profile, asking for the result inside the answer. */
async function generateMedia(client: Client, { proof, model }: Target): Promise<Buffer> {
  const { path, body } = proofRequest(proof, model);
  const answer = await client.ask(path, { ...body, response_format: 'b64_json' });
  const item = objectOf(listOf(answer.data)[0]);
  const inline = textOf(item.b64_json);
  if (inline) return Buffer.from(inline.replace(/^data:[^,]*,/, ''), 'base64');
  const place = textOf(item.url);
  if (!place) wrong(`the answer contains no result: ${shown(answer)}`);
  return place.startsWith('file:') ? await readFile(fileURLToPath(place)) : await client.read(place);
}

function askedSize({ proof }: Target): { readonly width: number; readonly height: number } {
  const { body } = proofRequest(proof, '');
  const [width = 0, height = 0] = String(body.size).split('x').map(Number);
  return { width, height };
}

/** A 64 × 64 JPEG of four red and blue squares, so that no network is needed; made for this test. */
export const tinyPhoto =
  'data:image/jpeg;base64,/9j/4AAQSkZJRgABAQAAAQABAAD/2wCEABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKBTmCNl4x9lnN+gXwBFRcXHhoeOyEhO3xTRlN8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fP/AABEIAEAAQAMBEQACEQEDEQH/xAGiAAABBQEBAQEBAQAAAAAAAAAAAQIDBAUGBwgJCgsQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+gEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoLEQACAQIEBAMEBwUEBAABAncAAQIDEQQFITEGEkFRB2FxEyIygQgUQpGhscEJIzNS8BVictEKFiQ04SXxFxgZGiYnKCkqNTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqCg4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2dri4+Tl5ufo6ery8/T19vf4+fr/2gAMAwEAAhEDEQA/AOfr6U5woAKACgC/Xxh9aFABQAUAUK+zPkgoAKACgC/Xxh9aFABQAUAUK+zPkgoAKACgC/Xxh9aFABQAUAUK+zPkgoAKACgC/Xxh9aFABQAUAFABQAUAFAFCvsz5IKACgAoAv18YfWhQAUAFAFCvsz5IKACgAoAv18YfWhQAUAFAFCvsz5IKACgAoAv18YfWhQAUAFAFCvsz5IKACgAoA//Z';
