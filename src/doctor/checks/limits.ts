/** D24: limits of this shell that engines run into. */
import { type Check, ok, skip, warn } from '../check.ts';
import type { HostView } from '../host-view.ts';

/** What upstream's documents give their containers, and what processes without a GPU live on. */
const forGpus: Readonly<Record<string, number>> = {
  'Max locked memory': Number.POSITIVE_INFINITY,
  'Max open files': 65_536,
  'Max processes': 4_096,
};
const withoutGpus: Readonly<Record<string, number>> = { 'Max open files': 4_096, 'Max processes': 512 };

/** Flags of docker run and ulimit. */
const flags: Readonly<Record<string, readonly [docker: string, shell: string]>> = {
  'Max locked memory': ['memlock=-1', 'ulimit -l unlimited'],
  'Max open files': ['nofile=65536:65536', 'ulimit -n 65536'],
  'Max processes': ['nproc=-1', 'ulimit -u unlimited'],
};

export const limits: Check = {
  id: 'D24',
  name: 'limits',
  title: 'memlock, nofile and nproc are high enough',
  severity: 'warn',
  look: async (host) => {
    const text = await host.files.read('/proc/self/limits');
    if (text === undefined) return skip('/proc/self/limits is not here');
    const wanted = usesGpus(host) ? forGpus : withoutGpus;
    const seen = Object.entries(wanted).map(([name, least]) => ({
      name,
      least,
      value: softLimit(text, name),
    }));
    const low = seen.filter(({ value, least }) => value !== undefined && value < least);
    const lines = seen
      .map(({ name, value }) => `${name.slice(4).toLowerCase()} ${limitText(value)}`)
      .join(', ');
    if (low.length === 0) return ok(lines);
    const shell = low.map(({ name }) => flags[name]?.[1]).join('; ');
    const docker = low.map(({ name }) => `--ulimit ${flags[name]?.[0]}`).join(' ');
    return warn(
      low
        .map(
          ({ name, value, least }) =>
            `${name.slice(4).toLowerCase()} is ${limitText(value)}, upstream's containers have ${limitText(least)}`,
        )
        .join('; '),
      `${shell}   # in Docker: docker run ${docker} …`,
    );
  },
};

function usesGpus({ subject }: HostView): boolean {
  return subject?.plan === undefined || subject.plan.engine === 'sglang';
}

function softLimit(text: string, name: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(name));
  const value = line?.slice(name.length).trim().split(/\s+/)[0];
  return value === 'unlimited' ? Number.POSITIVE_INFINITY : value === undefined ? undefined : Number(value);
}

function limitText(value: number | undefined): string {
  return value === undefined ? 'unknown' : value === Number.POSITIVE_INFINITY ? 'unlimited' : String(value);
}
