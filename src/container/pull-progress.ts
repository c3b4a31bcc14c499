/** Folds what Docker says while it fetches an image into what a person wants to know. Pure. */
import type { LoadProgress } from '../supervisor/progress.ts';

/** One line of Docker's answer. */
export interface PullStep {
  readonly id?: string;
  readonly status?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

interface Layer {
  readonly doneBytes: number;
  readonly totalBytes?: number | undefined;
  readonly complete: boolean;
}

export type Layers = ReadonlyMap<string, Layer>;

export function foldStep(layers: Layers, { id, status, progressDetail }: PullStep): Layers {
  // `Pulling from library/nats` has the tag as its id.
  if (id === undefined || status === undefined || /^(Pulling from|Digest|Status)/.test(status)) return layers;
  const before: Layer = layers.get(id) ?? { doneBytes: 0, complete: false };
  return new Map(layers).set(id, layerAfter(before, status, progressDetail));
}

function layerAfter(before: Layer, status: string, detail: PullStep['progressDetail']): Layer {
  switch (status) {
    case 'Downloading':
      return {
        doneBytes: detail?.current ?? before.doneBytes,
        totalBytes: detail?.total ?? before.totalBytes,
        complete: false,
      };
    case 'Download complete':
    case 'Verifying Checksum':
    case 'Extracting':
      return { ...before, doneBytes: before.totalBytes ?? before.doneBytes };
    case 'Pull complete':
    case 'Already exists':
      return { ...before, doneBytes: before.totalBytes ?? before.doneBytes, complete: true };
    default:
      return before;
  }
}

/** `image nats:2.11.4, 2 of 5 layers`, with the bytes of the layers whose size is known by now. */
export function pullProgress(image: string, layers: Layers): LoadProgress {
  const all = [...layers.values()];
  const complete = all.filter((layer) => layer.complete).length;
  const totalBytes = all.reduce((sum, layer) => sum + (layer.totalBytes ?? 0), 0);
  const doneBytes = all.reduce((sum, layer) => sum + layer.doneBytes, 0);
  return {
    doing: 'downloading',
    what: `image ${image}, ${complete} of ${all.length} layers`,
    ...(totalBytes === 0 ? {} : { doneBytes, totalBytes, percent: (100 * doneBytes) / totalBytes }),
  };
}
