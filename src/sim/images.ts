/** Loads the images of a chat from data URIs and the web, and reads their type and size. */
import { GIF } from 'image-size/types/gif';
import { JPG } from 'image-size/types/jpg';
import { PNG } from 'image-size/types/png';
import { WEBP } from 'image-size/types/webp';
import { systemClock, timeLimit } from '../base/clock.ts';
import { errorCode, messageOf } from '../base/error-code.ts';
import { ApiError } from './api-body.ts';

export interface ImageInfo {
  readonly type: string;
  readonly width: number;
  readonly height: number;
}

const sizeLimit = 32 * 1024 * 1024;
const timeoutMs = 10_000;

export function loadImages(urls: readonly string[], signal: AbortSignal): Promise<ImageInfo[]> {
  return Promise.all(urls.map((url) => load(url, signal)));
}

async function load(url: string, signal: AbortSignal): Promise<ImageInfo> {
  const limit = timeLimit(timeoutMs, systemClock, signal);
  try {
    // fetch also supports schemes that must not be reachable, such as blob.
    if (!/^(https?:|data:)/.test(url)) throw new Error('only http, https and data URIs are supported');
    const response = await fetch(url, { signal: limit.signal });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of response.body ?? []) {
      size += part.byteLength;
      if (size > sizeLimit) throw new Error(`larger than ${sizeLimit / 1024 / 1024} MB`);
      parts.push(part);
    }
    return readImage(Buffer.concat(parts));
  } catch (error) {
    // fetch says only "fetch failed"; the reason is in the cause.
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const shown = url.length > 80 ? `${url.slice(0, 80)}…` : url;
    throw new ApiError(400, `Cannot use image ${shown}: ${messageOf(cause) || errorCode(cause)}`);
  } finally {
    limit.clear();
  }
}

const kinds = { png: PNG, jpeg: JPG, gif: GIF, webp: WEBP };

/** Type and size of an image from its header; throws if it is not a complete PNG, JPEG, GIF or WebP image. */
export function readImage(bytes: Buffer): ImageInfo {
  const [type, reader] = Object.entries(kinds).find(([, kind]) => kind.validate(bytes)) ?? [];
  if (type === undefined || reader === undefined) throw new Error('not a PNG, JPEG, GIF or WebP image');
  try {
    const { width, height } = reader.calculate(bytes);
    if (isWhole(type, bytes) && width > 0 && height > 0) return { type, width, height };
  } catch {
    // As below.
  }
  throw new Error(`the ${type} image is cut off or damaged`);
}

/** Detects a download that stopped halfway, if the format shows it cheaply. */
function isWhole(type: string, bytes: Buffer): boolean {
  if (type === 'png') return bytes.subarray(-8).includes('IEND');
  return type !== 'webp' || bytes.length >= 8 + bytes.readUInt32LE(4);
}
