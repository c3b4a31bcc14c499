/** D23: shared memory is large enough, and no dead process left segments in it. */
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import type { Segment } from '../host-view.ts';
import { sizeText } from '../sizes.ts';

const folder = '/dev/shm';
/** Docker gives 64 MiB; several ranks, NCCL and multimodal inputs need gigabytes. */
const neededBytes = 2 ** 30;

export const shm: Check = {
  id: 'D23',
  name: 'shm',
  title: 'shared memory is large enough and clean',
  severity: 'fail',
  look: async (host) => {
    const space = await host.files.space(folder);
    if (space === undefined) return skip(`${folder} is not here`);
    const leaked = host.lostSegments();
    if (leaked.length > 0) return leakFinding(leaked);
    const free = `${sizeText(space.freeBytes)} of ${sizeText(space.totalBytes)} free in ${folder}`;
    if (space.freeBytes >= neededBytes) return ok(free);
    const fix =
      space.totalBytes < neededBytes ? 'docker run --shm-size=10G …' : `df -h ${folder}; ls -l ${folder}`;
    const usesGpus = host.subject?.plan?.processes.some(({ gpus }) => gpus.length > 0) === true;
    return usesGpus ? fail(free, fix) : warn(free, fix);
  },
};

/** Engines that were killed for months leave hundreds. */
const namedAtMost = 5;

function leakFinding(segments: readonly Segment[]): Finding {
  const total = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  const lines = segments
    .slice(0, namedAtMost)
    .map(({ path, bytes, proof }) => `${path}, ${sizeText(bytes)}: ${proof ?? 'nobody uses it'}`);
  const more = segments.length - lines.length;
  return warn(
    `${segments.length === 1 ? 'a segment' : `${segments.length} segments`} with ${sizeText(total)} left behind: ${lines[0]}`,
    fixFor(segments),
    [...lines.slice(1), ...(more > 0 ? [`and ${more} more`] : [])],
  );
}

function fixFor(segments: readonly Segment[]): string {
  if (segments.some(({ proof }) => proof !== undefined))
    return 'dynamo clean   # takes those of our dead runs';
  return segments.length === 1
    ? `rm ${segments[0]?.path}   # unless it is of a container that shares ${folder}`
    : 'dynamo clean --dry-run   # names each, with the command that removes it';
}
