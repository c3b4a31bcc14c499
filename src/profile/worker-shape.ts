/** Whether the keys of each worker fit together: what the schema cannot check in a single key. */
import type { ProfileDocument, WorkerSpec } from './schema.ts';
import type { Path, ShapeFault } from './tree.ts';

export interface NamedWorker {
  readonly name: string;
  readonly spec: WorkerSpec;
  readonly path: Path;
}

export function fieldFaults(document: ProfileDocument, workers: readonly NamedWorker[]): ShapeFault[] {
  return workers.flatMap(({ path, spec }) => {
    const at = path.join('.');
    const faults: ShapeFault[] = [];
    const namespace = spec.endpoint?.split('.')[0] ?? document.namespace;
    if (namespace !== document.namespace) {
      faults.push({
        path: [...path, 'endpoint'],
        message: `${at}.endpoint: namespace ${namespace} differs from the profile's, ${document.namespace}: the frontend would not find this worker`,
        fix: `start the endpoint with ${document.namespace}.`,
      });
    }
    if (spec.mode === 'diffusion-lm' && spec.diffusion === undefined) {
      faults.push({
        path,
        message: `${at}: mode diffusion-lm without diffusion:`,
        fix: 'add diffusion: {algorithm: LowConfidence}',
      });
    }
    if (spec.diffusion !== undefined && spec.mode !== 'diffusion-lm') {
      faults.push({
        path: [...path, 'diffusion'],
        message: `${at}.diffusion: only for mode diffusion-lm, got mode ${spec.mode}`,
        fix: 'remove it',
      });
    }
    if (spec.media !== undefined && spec.mode !== 'image' && spec.mode !== 'video') {
      faults.push({
        path: [...path, 'media'],
        message: `${at}.media: only for modes image and video, got mode ${spec.mode}`,
        fix: 'remove it',
      });
    }
    if ((spec.tensorParallel ?? 0) > spec.gpus && document.device === 'gpu') {
      faults.push({
        path: [...path, 'tensorParallel'],
        message: `${at}.tensorParallel: ${spec.tensorParallel} needs at least as many GPUs, got gpus: ${spec.gpus}`,
        fix: `gpus: ${spec.tensorParallel}`,
      });
    }
    const onGpus = document.device === 'gpu';
    const spread = spec.tensorParallel ?? (onGpus ? spec.gpus : spec.nodes);
    if ((onGpus && spec.gpus % spec.nodes !== 0) || spread % spec.nodes !== 0) {
      faults.push({
        path: [...path, 'nodes'],
        message: `${at}.nodes: ${spec.nodes} do not share ${spec.gpus} GPUs (tensor parallel ${spread}) evenly`,
        fix: 'use a number that divides both',
      });
    }
    return faults;
  });
}

/** What SGLang refuses, ignores or switches off. Source: docs/upstream/memory-and-gpus.md#hierarchical-cache. */
export function cacheFaults({ device }: ProfileDocument, workers: readonly NamedWorker[]): ShapeFault[] {
  return workers.flatMap(({ path, spec }) => {
    const { hierarchicalCache: cache, mode } = spec;
    if (cache === undefined) return [];
    const at = [...path, 'hierarchicalCache'];
    const fault = (message: string, fix: string, ...key: string[]): ShapeFault => ({
      path: [...at, ...key],
      message: `${[...at, ...key].join('.')}: ${message}`,
      fix,
    });
    const noMode =
      mode === 'decode'
        ? fault('a decode worker keeps no blocks for later requests', 'set it on the prefill worker')
        : fault(`only for modes aggregated and prefill, got mode ${mode}`, 'remove it');
    return [
      ...(mode === 'aggregated' || mode === 'prefill' ? [] : [noMode]),
      ...(spec.radixCache ? [] : [fault('needs the radix cache, which is off', 'remove radixCache: false')]),
      ...(device === 'cpu' ? [fault('needs a GPU, got device: cpu', 'remove it, or device: gpu')] : []),
      ...(cache.ratio !== undefined && cache.sizeGB !== undefined
        ? [fault('has no effect beside sizeGB', 'remove one of the two', 'ratio')]
        : []),
      ...(cache.prefetch !== undefined && cache.storage === undefined
        ? [fault('there is no storage to fetch from', 'add storage: file, or remove it', 'prefetch')]
        : []),
    ];
  });
}
