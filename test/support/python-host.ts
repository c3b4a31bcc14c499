/** Hosts with a Python environment, and GPUs where wanted, for tests of the engines that need them. */
import type { Gpu, HostFacts, PythonEnvironment } from '../../src/plan/request.ts';
import { host } from './profile.ts';

export function pythonOf(dynamoVersion: string, sglangVersion?: string): PythonEnvironment {
  return {
    folder: '/venv',
    python: '/venv/bin/python3',
    dynamoVersion,
    backends: { sglang: sglangVersion },
    torchVersion: undefined,
    because: 'the active environment, VIRTUAL_ENV',
  };
}

export function gpusOf(count: number): Gpu[] {
  return Array.from({ length: count }, (_, index) => ({
    index,
    uuid: `GPU-${index}`,
    name: 'NVIDIA H200',
    totalMiB: 143_771,
    usedMiB: 0,
  }));
}

export function pythonHost(dynamoVersion: string, gpus = 4, facts: Partial<HostFacts> = {}): HostFacts {
  return host({
    python: pythonOf(dynamoVersion, '0.5.16'),
    gpus: gpusOf(gpus),
    environment: { PATH: '/usr/bin' },
    ...facts,
  });
}
