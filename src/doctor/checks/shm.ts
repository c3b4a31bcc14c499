/** D23: shared memory is large enough, and no dead process left segments in it. */
import { join } from 'node:path';
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import type { HostView } from '../host-view.ts';
import { isGone, readProcess } from '../proc-files.ts';
import { sizeText } from '../sizes.ts';

const folder = '/dev/shm';
/** Docker gives 64 MiB; several ranks, NCCL and multimodal inputs need gigabytes. */
const neededBytes = 2 ** 30;

/** Named with the pid of who made them. Source: upstream/pains-and-doctor.md pain 38. */
const withPid = /^(?:sgl_shm_[a-z]+|vllm_offload)_(\d+)(?:_|$)/;

export const shm: Check = {
  id: 'D23',
  name: 'shm',
  title: 'shared memory is large enough and clean',
  severity: 'fail',
  look: async (host) => {
    const space = await host.files.space(folder);
    if (space === undefined) return skip(`${folder} is not here`);
    const leaked = await leakedSegments(host);
    if (leaked.length > 0) return leakFinding(leaked);
    const free = `${sizeText(space.freeBytes)} of ${sizeText(space.totalBytes)} free in ${folder}`;
    if (space.freeBytes >= neededBytes) return ok(free);
    const fix =
      space.totalBytes < neededBytes ? 'docker run --shm-size=10G …' : `df -h ${folder}; ls -l ${folder}`;
    const usesGpus = host.subject?.plan?.processes.some(({ gpus }) => gpus.length > 0) === true;
    return usesGpus ? fail(free, fix) : warn(free, fix);
  },
};

interface Segment {
  readonly name: string;
  readonly pid: number;
  readonly sizeBytes: number;
  /** Of the run whose ledger names the pid. */
  readonly runId: string | undefined;
}

async function leakedSegments(host: HostView): Promise<Segment[]> {
  const segments: Segment[] = [];
  const runs = await host.state().then(
    (state) => state.runs,
    () => [],
  );
  for (const name of await host.files.list(folder)) {
    const pid = Number(withPid.exec(name)?.[1]);
    if (!(pid > 0) || !isGone(await readProcess(host, pid))) continue;
    const sizeBytes = (await host.files.stat(join(folder, name)))?.sizeBytes ?? 0;
    segments.push({ name, pid, sizeBytes, runId: runs.find(({ pids }) => pids.includes(pid))?.runId });
  }
  return segments;
}

function leakFinding(segments: readonly Segment[]): Finding {
  const total = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const lines = segments.map(
    ({ name, pid, sizeBytes, runId }) =>
      `${name}: ${sizeText(sizeBytes)}, made by pid ${pid}, which is gone${runId === undefined ? ', not from dynamo' : `, of ${runId}`}`,
  );
  const ours = segments.some(({ runId }) => runId !== undefined);
  return warn(
    `${segments.length} segments with ${sizeText(total)} in ${folder} belong to nobody: ${lines[0]}`,
    ours
      ? 'dynamo clean   # takes those of our dead runs'
      : `rm ${join(folder, segments[0]?.name ?? '')}   # unless a container that shares ${folder} made it`,
    lines.slice(1),
  );
}
