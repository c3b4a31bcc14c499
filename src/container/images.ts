/** Pulls images, checks whether they can be pulled, and reports progress. */
import type Docker from 'dockerode';
import { DynamoError } from '../base/error.ts';
import type { ImageFacts } from '../plan/container.ts';
import type { LaunchWatch } from '../supervisor/contracts.ts';
import { answered, said, silence, statusOf } from './client.ts';
import type { LoadProgress } from '../supervisor/progress.ts';

/** How long a registry may take to answer whether it has an image. */
const askMs = 5_000;
/** A daemon that takes longer to inspect an image hangs. */
const daemonMs = 30_000;
/** A pull without progress for this long has stalled. */
const stallMs = 60_000;

/** Whether the image is on this host, and otherwise whether it can be pulled. Throws if the daemon does not answer. */
export async function imageFacts(docker: Docker, reference: string): Promise<ImageFacts> {
  if (await isPresent(docker, reference)) return { present: true };
  try {
    await answered(docker.getImage(reference).distribution(), askMs);
    return { present: false };
  } catch (error) {
    // Podman does not support this request: the pull will show it. Seen with 4.3.1.
    if (statusOf(error) === 404 && /is not supported|page not found|^Not Found$/i.test(said(error))) {
      return { present: false };
    }
    const words = `${reference} is not on this host and cannot be pulled: ${silence(error) ?? said(error)}`;
    return { present: false, problem: { words, fix: pullCommand(reference) } };
  }
}

export async function isPresent(docker: Docker, reference: string): Promise<boolean> {
  try {
    await answered(docker.getImage(reference).inspect(), daemonMs);
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}

/** Throws `unavailable` if the pull fails, or the reason of the signal. What was downloaded is kept for the next pull. */
export async function pull(docker: Docker, reference: string, watch: LaunchWatch): Promise<void> {
  const stalled = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => stalled.abort(new Error(`no data for ${stallMs / 1000} s`)), stallMs);
  };
  alive();
  const signal = AbortSignal.any([watch.signal, stalled.signal]);
  try {
    await untilPulled(docker, reference, signal, (layers) => {
      alive();
      if (layers.size > 0) watch.onProgress(pullProgress(reference, layers));
    });
    if (!(await isPresent(docker, reference))) throw new Error('the daemon aborted the pull');
  } catch (error) {
    watch.signal.throwIfAborted();
    const why = stalled.signal.aborted ? `no data for ${stallMs / 1000} s` : (silence(error) ?? said(error));
    throw new DynamoError('unavailable', `The image ${reference} could not be pulled: ${why}.`, {
      hint: `${pullCommand(reference)}   # or: --infra process`,
      fields: { image: reference },
    });
  } finally {
    clearTimeout(timer);
  }
}

async function untilPulled(
  docker: Docker,
  reference: string,
  signal: AbortSignal,
  onStep: (layers: Layers) => void,
): Promise<void> {
  const stream = await docker.pull(reference, { abortSignal: signal });
  let layers: Layers = new Map();
  // Reported in the middle of a successful answer; dockerode 5.0.1 ignores it if it is the last line.
  let failure: string | undefined;
  await new Promise<void>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
    docker.modem.followProgress(
      stream,
      (error) => {
        if (failure !== undefined) reject(new Error(failure));
        else if (error === null) resolve();
        else reject(error);
      },
      (step) => {
        failure = step.error ?? failure;
        layers = foldStep(layers, step);
        onStep(layers);
      },
    );
  });
}

/** The same pull by hand shows everything that the registry answers, and uses the user's login. */
function pullCommand(reference: string): string {
  return `docker pull ${reference}`;
}

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

/** `image nats:2.11.4, 2 of 5 layers`, with the bytes of the layers whose size is known so far. */
export function pullProgress(image: string, layers: Layers): LoadProgress {
  const all = [...layers.values()];
  const complete = all.filter((layer) => layer.complete).length;
  const totalBytes = all.reduce((sum, layer) => sum + (layer.totalBytes ?? 0), 0);
  const doneBytes = all.reduce((sum, layer) => sum + layer.doneBytes, 0);
  return {
    doing: 'downloading',
    phase: 'image',
    what: `image ${image}, ${complete} of ${all.length} layers`,
    ...(totalBytes === 0 ? {} : { doneBytes, totalBytes, percent: (100 * doneBytes) / totalBytes }),
  };
}
