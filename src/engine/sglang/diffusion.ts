/** Workers that diffuse: images, videos, and language. */
import type { Profile, WorkerMode, WorkerSpec } from '../../profile/profile.ts';
import type { Flag } from '../flag-words.ts';

export function isMedia(mode: WorkerMode): boolean {
  return mode === 'image' || mode === 'video';
}

/**
 * `mediaFolder`: where results go when the profile names no place.
 * Source: docs/upstream/launch-scripts.md#image-and-video-workers.
 */
export function mediaFlags({ mode, media }: WorkerSpec, mediaFolder: string): Flag[] {
  return [
    ['--image-diffusion-worker', mode === 'image'],
    ['--video-generation-worker', mode === 'video'],
    ['--media-output-fs-url', media?.fsUrl ?? `file://${mediaFolder}`],
    ['--media-output-http-url', media?.httpUrl],
  ];
}

const gpuFlags: readonly Flag[] = [
  ['--disable-cuda-graph', true],
  ['--disable-overlap-schedule', true],
  ['--attention-backend', 'triton'],
];

/** Source: docs/upstream/launch-scripts.md#diffusion-language-models. */
export function languageDiffusionFlags({ mode, diffusion }: WorkerSpec, device: Profile['device']): Flag[] {
  if (mode !== 'diffusion-lm') return [];
  return [
    ['--dllm-algorithm', diffusion?.algorithm],
    ['--dllm-algorithm-config', diffusion?.config],
    ...(device === 'gpu' ? gpuFlags : []),
  ];
}
