/** How much of a model is in the cache of the Hugging Face hub: a download shows there when no log tells of it. */
import type { Environment } from '../base/environment.ts';
import { lstatSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The folder of one model; `undefined` when the model is a local folder. Variables as huggingface_hub reads them. */
export function cachedModel(model: string, environment: Environment): string | undefined {
  if (!/^[\w.-]+(\/[\w.-]+)?$/.test(model) || model.startsWith('.')) return undefined;
  return join(hubFolder(environment), `models--${model.replaceAll('/', '--')}`);
}

function hubFolder(environment: Environment): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, HOME } = environment;
  const named = HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE;
  if (named) return named;
  return join(HF_HOME || join(XDG_CACHE_HOME || join(HOME || homedir(), '.cache'), 'huggingface'), 'hub');
}

/**
 * Bytes of all its files, unfinished ones too, under whatever name: `blobs/*.incomplete` of huggingface_hub, and
 * `snapshots/…/.modelexpress-…` of the downloader in Dynamo, which writes no line about it (seen with 1.4.2).
 */
export function bytesIn(folder: string): number {
  let sum = 0;
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) sum += bytesIn(path);
    else if (entry.isFile()) sum += sizeOf(path);
  }
  return sum;
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return []; // not there yet, or gone meanwhile
  }
}

function sizeOf(path: string): number {
  try {
    return lstatSync(path).size;
  } catch {
    return 0;
  }
}
