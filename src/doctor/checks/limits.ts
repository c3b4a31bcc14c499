/** D24: limits of this shell that engines run into. */
import { type LimitName, softLimit } from '../../base/process-limits.ts';
import { type Check, ok, skip, warn } from '../check.ts';
import type { HostView } from '../host-view.ts';

/** What upstream's documents give their containers, and what processes without a GPU live on. */
const withoutGpus: Readonly<Partial<Record<LimitName, number>>> = {
  'Max open files': 4_096,
  'Max processes': 512,
  'Max file size': Infinity,
  'Max address space': Infinity,
};
const forGpus: typeof withoutGpus = {
  'Max locked memory': Infinity,
  ...withoutGpus,
  'Max open files': 65_536,
  'Max processes': 4_096,
};

/** Flags of docker run and ulimit. */
const flags: Readonly<Record<LimitName, readonly [docker: string | undefined, shell: string]>> = {
  'Max file size': ['fsize=-1', 'ulimit -f unlimited'],
  'Max address space': [undefined, 'ulimit -v unlimited'],
  'Max locked memory': ['memlock=-1', 'ulimit -l unlimited'],
  'Max open files': ['nofile=65536:65536', 'ulimit -n 65536'],
  'Max processes': ['nproc=-1', 'ulimit -u unlimited'],
};

export const limits: Check = {
  id: 'D24',
  name: 'limits',
  title: 'limits of memory, files and processes are high enough',
  severity: 'warn',
  look: async (host) => {
    const text = await host.files.read('/proc/self/limits');
    if (text === undefined) return skip('/proc/self/limits is not here');
    const wanted = usesGpus(host) ? forGpus : withoutGpus;
    const seen = (Object.entries(wanted) as [LimitName, number][]).map(([name, least]) => ({
      name,
      least,
      value: softLimit(text, name),
    }));
    const low = seen.filter(({ value, least }) => value !== undefined && value < least);
    const lines = seen
      .map(({ name, value }) => `${name.slice(4).toLowerCase()} ${limitText(value)}`)
      .join(', ');
    if (low.length === 0) return ok(lines);
    const shell = low.map(({ name }) => flags[name][1]).join('; ');
    const docker = low.flatMap(({ name }) => flags[name][0] ?? []).map((flag) => `--ulimit ${flag}`);
    return warn(
      low
        .map(
          ({ name, value, least }) =>
            `${name.slice(4).toLowerCase()} is ${limitText(value)}, upstream's containers have ${limitText(least)}`,
        )
        .join('; '),
      docker.length === 0 ? shell : `${shell}   # in Docker: docker run ${docker.join(' ')} …`,
    );
  },
};

function usesGpus({ subject }: HostView): boolean {
  return subject?.plan === undefined || subject.plan.engine === 'sglang';
}

function limitText(value: number | undefined): string {
  return value === undefined ? 'unknown' : value === Infinity ? 'unlimited' : String(value);
}
