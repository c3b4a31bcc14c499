/** The folder for compiled kernels of a worker: by engine, version of Dynamo and GPU, kept after the run. */
import { xdgFolder } from '../base/xdg.ts';
import type { Environment } from '../base/environment.ts';
import type { EngineKind } from '../engine/engine.ts';
import type { Gpu, PythonEnvironment } from './request.ts';

/** All of them. Below `$XDG_CACHE_HOME/dynamo`, or `~/.cache/dynamo`; `undefined` for a user without a home. */
export function kernelsFolder(environment: Environment): string | undefined {
  const { HOME } = environment;
  const cache = xdgFolder(environment, 'XDG_CACHE_HOME') ?? (HOME ? `${HOME}/.cache` : undefined);
  return cache === undefined ? undefined : `${cache}/dynamo/kernels`;
}

export interface KernelPlace {
  readonly kind: Pick<EngineKind, 'name' | 'kernelCaches'>;
  readonly python: Pick<PythonEnvironment, 'dynamoVersion' | 'inImage'> | undefined;
  /** Of the caller. */
  readonly environment: Environment;
  readonly gpus: readonly Gpu[];
}

/** Where it is mounted in a container: the image's user has this home. */
export const kernelsInside = '/home/dynamo/.cache/kernels';

export interface KernelFolder {
  /** On this host; absent if the user named another one. */
  readonly folder?: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * `devices`: those of the worker, as in CUDA_VISIBLE_DEVICES. `given`: variables of the profile and the command line: these, and
 * those of the caller, win. Containers do not inherit those of the caller. A kernel that was built for the libraries of an image
 * may not load outside it, so images have their own folders.
 */
export function kernelFolderOf(
  { kind, python, environment, gpus }: KernelPlace,
  devices: readonly string[],
  given: Environment,
): KernelFolder | undefined {
  const root = kernelsFolder(environment);
  const { name, kernelCaches = [] } = kind;
  const [first] = kernelCaches;
  if (first === undefined || python === undefined || root === undefined) return undefined;
  const set = python.inImage === true ? given : { ...environment, ...given };
  const own = `${root}/${name}-${python.dynamoVersion}${python.inImage === true ? '-image' : ''}/${hardware(devices, gpus)}`;
  const named = set[first.variable];
  const folder = named || (python.inImage === true ? kernelsInside : own);
  const missing = kernelCaches.filter(({ variable }) => !set[variable]);
  return {
    ...(named ? {} : { folder: own }),
    env: Object.fromEntries(
      missing.map(({ variable, folder: below }) => [variable, below === '' ? folder : `${folder}/${below}`]),
    ),
  };
}

/** `nvidia-h200`, or `cpu`. Workers have GPUs of one kind. */
function hardware(devices: readonly string[], gpus: readonly Gpu[]): string {
  const [device] = devices;
  if (device === undefined) return 'cpu';
  const gpu = gpus.find(({ index, uuid }) => uuid === device || String(index) === device);
  const name =
    gpu?.name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^-|-$/g, '') ?? '';
  return name === '' ? 'gpu' : name;
}
