/**
 * Images and videos: real files of the requested size, at upstream's paths.
 * Source: docs/upstream/frontend.md#images-and-videos.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { asObject, bad, optionalCount, optionalText, requiredText, type Body } from './api-body.ts';
import { mp4, png } from './media-files.ts';
import { hashText } from './text.ts';

export interface MediaStore {
  readonly folder: string;
  /** If undefined, answers name files. */
  readonly httpUrl: string | undefined;
}

export async function images(id: string, body: Body, store: MediaStore): Promise<Body> {
  const count = optionalCount(body, 'n', 10) ?? 1;
  const [width, height] = sizeOf(body, '1024x1024');
  const seed = hashText(requiredText(body, 'prompt'));
  const folder = `users/${safeName(optionalText(body, 'user') ?? id)}/generations/${safeName(id)}`;
  const data: Body[] = [];
  for (let index = 0; index < count; index++) {
    const picture = await png(width, height, seed + index);
    data.push(await deliver(picture, `${folder}/${randomUUID()}.png`, body, store));
  }
  return { created: Math.floor(Date.now() / 1000), data };
}

/** Upstream's defaults: 4 s of 24 frames at 832x480; docs/upstream/frontend.md#images-and-videos. */
export async function videos(id: string, body: Body, store: MediaStore): Promise<Body> {
  const started = performance.now();
  const extra = asObject(body['nvext']) ?? {};
  const fps = optionalCount(extra, 'fps', 60) ?? 24;
  const count = optionalCount(extra, 'num_frames', 3600) ?? (optionalCount(body, 'seconds', 60) ?? 4) * fps;
  const [width, height] = sizeOf(body, '832x480');
  const seed = hashText(requiredText(body, 'prompt'));
  const frames: Buffer[] = [];
  // The colours repeat after 24 frames.
  for (let index = 0; index < count; index++) {
    frames.push(frames[index - 24] ?? (await png(width, height, seed, index / 24)));
  }
  const item = await deliver(mp4({ width, height, fps, frames }), `${safeName(id)}.mp4`, body, store);
  return {
    id: `video-${id}`,
    object: 'video',
    model: body['model'],
    status: 'completed',
    progress: 100,
    created: Math.floor(Date.now() / 1000),
    data: [item],
    error: null,
    inference_time_s: (performance.now() - started) / 1000,
  };
}

async function deliver(data: Buffer, path: string, body: Body, { folder, httpUrl }: MediaStore) {
  if (optionalText(body, 'response_format') === 'b64_json') return { b64_json: data.toString('base64') };
  const file = resolve(join(folder, path));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, data);
  return { url: httpUrl === undefined ? pathToFileURL(file).href : `${httpUrl.replace(/\/$/, '')}/${path}` };
}

/** The user name comes from the request: it must not lead out of the folder. */
function safeName(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 100);
}

function sizeOf(body: Body, usual: string): [width: number, height: number] {
  const asked = optionalText(body, 'size') ?? 'auto';
  const [, width, height] = (/^(\d+)x(\d+)$/.exec(asked === 'auto' ? usual : asked) ?? []).map(Number);
  if (width && height && Math.min(width, height) >= 16 && Math.max(width, height) <= 4096)
    return [width, height];
  bad('size', `size must be WIDTHxHEIGHT from 16x16 to 4096x4096, got ${asked.slice(0, 40)}`);
}
