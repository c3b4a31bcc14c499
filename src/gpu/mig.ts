/** MIG instances, which only `nvidia-smi -L` lists. Source: MIG user guide, "CUDA Device Enumeration". */

export interface MigInstance {
  /** Index of the GPU that it is a part of. */
  readonly gpu: number;
  readonly uuid: string;
  /** As in `1g.5gb`. */
  readonly profile: string;
  readonly totalMiB: number;
}

export function parseMigInstances(list: string): MigInstance[] {
  let gpu = -1;
  return list.split('\n').flatMap((line): MigInstance[] => {
    const heading = /^GPU (\d+):/.exec(line)?.[1];
    if (heading !== undefined) gpu = Number(heading);
    const instance = /^\s+MIG (\S+)\s+Device\s+\d+:\s+\(UUID: (MIG-[^)]+)\)/.exec(line);
    if (instance === null || gpu < 0) return [];
    const [, profile = '', uuid = ''] = instance;
    return [{ gpu, uuid, profile, totalMiB: sizeOf(profile) }];
  });
}

/** The name of a profile ends in its memory in GB; rounded up, so less than that is there. */
function sizeOf(profile: string): number {
  const gigabytes = /(\d+)gb/.exec(profile)?.[1];
  return gigabytes === undefined ? 0 : Number(gigabytes) * 1024;
}
