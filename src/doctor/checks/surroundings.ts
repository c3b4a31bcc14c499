/** What a container or a shell restricts: visible processes, an init, shared memory and limits. */
import { idleMiB } from '../../plan/gpus.ts';
import { engineUses } from '../planned.ts';
import { type LimitName, softLimit } from '../../base/process-limits.ts';
import { type Check, fail, type Finding, noGpu, ok, skip, warn } from '../check.ts';
import type { HostView, Segment } from '../host-view.ts';
import { readProcess, readProcesses } from '../proc-files.ts';
import { countText, gibText, memoryText } from '../../base/units.ts';

const pidnsFix = 'run dynamo clean on the host, or start this container with --pid=host';

/**
 * D18: /proc shows another pid namespace; or the driver names processes that are not visible in this container, or none
 * although memory is in use.
 */
export const pidns: Check = {
  id: 'D18',
  name: 'pidns',
  title: 'processes of this host and users of the GPUs are visible',
  severity: 'fail',
  look: async (host) => {
    const trouble = host.procTrouble();
    if (trouble !== undefined) return fail(trouble.words, trouble.fix);
    const report = await host.gpus();
    const none = noGpu(report);
    if (none !== undefined) return none;
    const { holders, gpus } = report;
    if (holders === undefined) return skip('nvidia-smi does not list processes on the GPUs');
    for (const { pid, usedMiB } of holders) {
      if ((await readProcess(host, pid)) !== undefined) continue;
      const held = usedMiB === undefined ? 'GPU memory' : `${gibText(usedMiB)} of GPU memory`;
      return warn(`${held} is in use by pid ${pid}, which is not in this pid namespace`, pidnsFix);
    }
    const silent = gpus.find(
      ({ uuid, usedMiB }) => usedMiB > idleMiB && !holders.some(({ gpuUuid }) => gpuUuid === uuid),
    );
    if (silent !== undefined) {
      return warn(
        `GPU ${silent.index} has ${gibText(silent.usedMiB)} in use, but nvidia-smi lists no process: it is used outside this pid namespace`,
        pidnsFix,
      );
    }
    return ok(
      holders.length === 0
        ? 'no process uses a GPU'
        : `${countText(holders.length, 'process')} on GPUs, all visible here`,
    );
  },
};

/** An init reaps within milliseconds; if busy, within a second. */
const lookAgainMs = 1_000;
/** In ticks: a younger process may be the child of a command that has just ended. */
const oldTicks = 1_000;

/** D19: in a container whose first process never reaps, dead processes stay as zombies forever. */
export const init: Check = {
  id: 'D19',
  name: 'init',
  title: 'the first process reaps dead processes',
  severity: 'warn',
  look: async (host) => {
    const name = (await readProcess(host, 1))?.comm ?? 'unknown';
    const before = await zombiesOf(host);
    if (before.size === 0) return ok(`pid 1 is ${name}, with no zombies`);
    await host.clock.sleep(lookAgainMs);
    const after = await zombiesOf(host);
    const staying = [...before].flatMap(([key, words]) => (after.has(key) ? [words] : []));
    if (staying.length === 0) return ok(`pid 1 is ${name}, which reaps them`);
    return warn(
      `pid 1 (${name}) reaps late or never; zombies: ${staying.length}, ${staying.slice(0, 3).join(', ')}`,
      'docker run --init …   # zombies use no memory, but every stop takes longer',
    );
  },
};

/** By pid and start time, because pids are reused. */
async function zombiesOf(host: HostView): Promise<Map<string, string>> {
  const all = await readProcesses(host);
  const uptime = Number.parseFloat((await host.files.read('/proc/uptime')) ?? '');
  const found = all.filter(
    ({ ppid, state, startTicks }) => ppid === 1 && state === 'Z' && uptime * 100 - startTicks > oldTicks,
  );
  return new Map(found.map(({ pid, startTicks, comm }) => [`${pid}.${startTicks}`, `${comm} ${pid}`]));
}

const shmFolder = '/dev/shm';
/** Docker gives 64 MiB; several ranks, NCCL and multimodal inputs need gigabytes. */
const neededBytes = 2 ** 30;

/** D23: shared memory is large enough, and contains no segments of dead processes. */
export const shm: Check = {
  id: 'D23',
  name: 'shm',
  title: 'shared memory is large enough and clean',
  severity: 'fail',
  look: async (host) => {
    const space = await host.files.space(shmFolder);
    if (space === undefined) return skip(`${shmFolder} does not exist`);
    const leaked = host.lostSegments();
    if (leaked.length > 0) return leakFinding(leaked);
    const free = `${memoryText(space.freeBytes)} of ${memoryText(space.totalBytes)} free in ${shmFolder}`;
    if (space.freeBytes >= neededBytes) return ok(free);
    const fix =
      space.totalBytes < neededBytes
        ? 'docker run --shm-size=10G …'
        : `df -h ${shmFolder}; ls -l ${shmFolder}`;
    const needsGpu = host.subject?.plan?.processes.some(({ gpus }) => gpus.length > 0) === true;
    return needsGpu ? fail(free, fix) : warn(free, fix);
  },
};

/** Killed engines leave hundreds of them within months. */
const namedAtMost = 5;

function leakFinding(segments: readonly Segment[]): Finding {
  const total = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  const lines = segments
    .slice(0, namedAtMost)
    .map(({ path, bytes, proof }) => `${path}, ${memoryText(bytes)}: ${proof ?? 'not in use'}`);
  const more = segments.length - lines.length;
  return warn(
    `${segments.length === 1 ? 'a segment' : `${segments.length} segments`} with ${memoryText(total)} left behind: ${lines[0]}`,
    fixFor(segments),
    [...lines.slice(1), ...(more > 0 ? [`and ${more} more`] : [])],
  );
}

function fixFor(segments: readonly Segment[]): string {
  if (segments.some(({ proof }) => proof !== undefined))
    return 'dynamo clean   # removes those of our dead runs';
  return segments.length === 1
    ? `rm ${segments[0]?.path}   # unless a container that shares ${shmFolder} uses it`
    : 'dynamo clean --dry-run   # lists each, with the command that removes it';
}

/** What upstream's documents set for containers, and what processes without a GPU need. */
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

/** D24: limits of this shell that engines reach. */
export const limits: Check = {
  id: 'D24',
  name: 'limits',
  title: 'limits for memory, files and processes are high enough',
  severity: 'warn',
  look: async (host) => {
    const text = await host.files.read('/proc/self/limits');
    if (text === undefined) return skip('/proc/self/limits does not exist');
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
            `${name.slice(4).toLowerCase()} is ${limitText(value)}; upstream's containers have ${limitText(least)}`,
        )
        .join('; '),
      docker.length === 0 ? shell : `${shell}   # in Docker: docker run ${docker.join(' ')} …`,
    );
  },
};

function usesGpus({ subject }: HostView): boolean {
  return subject?.plan === undefined || engineUses(subject.plan, 'locked-memory');
}

function limitText(value: number | undefined): string {
  return value === undefined ? 'unknown' : value === Infinity ? 'unlimited' : String(value);
}
