/** The size of a model's weights, from files on this host only: nothing is downloaded. */
import type { Environment } from '../base/environment.ts';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** In MiB, as stored; `undefined` if the model is not completely on this host. */
export function modelWeightsMiB(model: string, environment: Environment): number | undefined {
  const folder = model.startsWith('/') || model.startsWith('.') ? model : snapshotOf(model, environment);
  const bytes = folder === undefined ? undefined : (indexed(folder) ?? summed(folder));
  return bytes === undefined ? undefined : Math.ceil(bytes / 2 ** 20);
}

/** The newest snapshot in the Hugging Face hub cache. Source: huggingface_hub, "Understand caching". */
function snapshotOf(model: string, environment: Environment): string | undefined {
  const home =
    environment.HF_HOME || join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface');
  const cache = environment.HF_HUB_CACHE || join(home, 'hub');
  const folder = join(cache, `models--${model.replaceAll('/', '--')}`);
  const revision = text(join(folder, 'refs', 'main'))?.trim();
  return revision === undefined ? undefined : join(folder, 'snapshots', revision);
}

/** From the index of a model that consists of several files. */
function indexed(folder: string): number | undefined {
  try {
    const index: unknown = JSON.parse(text(join(folder, 'model.safetensors.index.json')) ?? '');
    return totalSizeOf(index);
  } catch {
    return undefined;
  }
}

function totalSizeOf(index: unknown): number | undefined {
  if (typeof index !== 'object' || index === null || !('metadata' in index)) return undefined;
  const { metadata } = index;
  if (typeof metadata !== 'object' || metadata === null || !('total_size' in metadata)) return undefined;
  return typeof metadata.total_size === 'number' ? metadata.total_size : undefined;
}

function summed(folder: string): number | undefined {
  const sizes = entriesOf(folder)
    .filter((name) => name.endsWith('.safetensors'))
    .map((name) => sizeOf(join(folder, name)));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return total === 0 ? undefined : total;
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Follows links into the cache; 0 for a dangling link. */
function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}

function text(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
