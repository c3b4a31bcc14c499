/** Fetches the images of a chat, from data URIs and the web, and refuses what cannot be one. */
import { systemClock, timeLimit } from '../base/clock.ts';
import { errorCode, messageOf } from '../base/error-code.ts';
import { ApiError } from './api-error.ts';
import { readImage, type SeenImage } from './image-header.ts';

export type { SeenImage };

const sizeLimit = 32 * 1024 * 1024;
const timeoutMs = 10_000;

export function loadImages(urls: readonly string[], signal: AbortSignal): Promise<SeenImage[]> {
  return Promise.all(urls.map((url) => load(url, signal)));
}

async function load(url: string, signal: AbortSignal): Promise<SeenImage> {
  const limit = timeLimit(timeoutMs, systemClock, signal);
  try {
    // fetch reads data URIs too, but also others that are nobody's business.
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
    // fetch says only "fetch failed"; the cause knows why.
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const shown = url.length > 80 ? `${url.slice(0, 80)}…` : url;
    throw new ApiError(400, `Cannot use image ${shown}: ${messageOf(cause) || errorCode(cause)}`);
  } finally {
    limit.clear();
  }
}
