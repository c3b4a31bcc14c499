/** D18: /proc shows another pid namespace; or from inside a container the driver names processes that cannot be seen, or none although memory is held. */
import { type Check, fail, ok, skip, warn } from '../check.ts';
import { noGpu } from '../gpu-report.ts';
import { readProcess } from '../proc-files.ts';
import { countText, mibText } from '../sizes.ts';

/**
 * More than an idle GPU has in use: NVML's plain figure was 615 MiB.
 * Source: docs/upstream/memory-and-gpus.md#idle-gpus.
 */
const idleMiB = 1_024;
const fix = 'run dynamo clean on the host, or start this container with --pid=host';

export const pidns: Check = {
  id: 'D18',
  name: 'pidns',
  title: 'processes of this host and those that hold the GPUs can be seen',
  severity: 'fail',
  look: async (host) => {
    const trouble = host.procTrouble();
    if (trouble !== undefined) return fail(trouble.words, trouble.fix);
    const report = await host.gpus();
    const none = noGpu(report);
    if (none !== undefined) return none;
    const { holders, gpus } = report;
    if (holders === undefined) return skip('nvidia-smi does not tell who holds the GPUs');
    for (const { pid, usedMiB } of holders) {
      if ((await readProcess(host, pid)) !== undefined) continue;
      const held = usedMiB === undefined ? 'GPU memory' : `${mibText(usedMiB)} of GPU memory`;
      return warn(`${held} is held by pid ${pid}, which is not in this pid namespace`, fix);
    }
    const silent = gpus.find(
      ({ uuid, usedMiB }) => usedMiB > idleMiB && !holders.some(({ gpuUuid }) => gpuUuid === uuid),
    );
    if (silent !== undefined) {
      return warn(
        `GPU ${silent.index} has ${mibText(silent.usedMiB)} in use and nvidia-smi names nobody: held outside this pid namespace`,
        fix,
      );
    }
    return ok(
      holders.length === 0
        ? 'nobody holds a GPU'
        : `${countText(holders.length, 'holder')}, all visible here`,
    );
  },
};
