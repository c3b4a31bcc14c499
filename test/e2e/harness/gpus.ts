/** GPUs for tests: a stand-in for nvidia-smi on PATH, and the processes that it reports. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder } from './cli.ts';
import { standIn, type World } from './world.ts';

export interface FakeHost {
  readonly mode: 'ok' | 'hang' | 'nvml' | 'blind' | 'foreign' | 'silent';
  readonly decayMs: number;
  /** Where the stand-in looks for processes of this host. */
  readonly proc: string;
  readonly gpus: readonly {
    readonly uuid: string;
    readonly name?: string;
    readonly totalMiB?: number;
    readonly idleMiB?: number;
    readonly extraMiB?: number;
    /** Profiles of its instances by UUID. */
    readonly mig?: Readonly<Record<string, string>>;
  }[];
}

export interface FakeGpus {
  /** A process may add itself with a file `holders/PID.json` here. */
  readonly folder: string;
  change(host: Partial<FakeHost>): void;
  hold(pid: number, gpu: number, usedMiB: number): void;
}

export function fakeGpus(world: World, count: number): FakeGpus {
  const folder = join(world.root, 'gpus');
  mkdirSync(join(folder, 'holders'), { recursive: true });
  const gpus = Array.from({ length: count }, (_, i) => ({
    uuid: `GPU-${String(i).repeat(8)}-0000-0000-0000-000000000000`,
    name: 'NVIDIA H200',
    totalMiB: 143_771,
    idleMiB: 4,
  }));
  const file = join(folder, 'host.json');
  const write = (host: object): void => writeFileSync(file, JSON.stringify(host));
  write({ mode: 'ok', driver: '580.159.04', cuda: '13.0', decayMs: 200, gpus });
  const script = join(packageFolder, 'test', 'fakes', 'nvidia-smi.js');
  standIn(world, 'nvidia-smi', `#!/bin/sh\nexec ${process.execPath} ${script} ${folder} "$@"\n`);
  return {
    folder,
    change: (host) => write({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), ...host }),
    hold: (pid, gpu, usedMiB) =>
      writeFileSync(join(folder, 'holders', `${pid}.json`), JSON.stringify({ pid, gpu, usedMiB })),
  };
}
