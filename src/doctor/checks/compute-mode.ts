/** D17: a GPU that takes one process only cannot be shared by two workers. */
import { type Check, ok, skip, warn } from '../check.ts';
import { noGpu } from '../gpu-report.ts';

export const computeMode: Check = {
  id: 'D17',
  name: 'compute-mode',
  title: 'the GPUs let several processes in',
  severity: 'warn',
  look: async (host) => {
    const report = await host.gpus();
    const none = noGpu(report);
    if (none !== undefined) return none;
    const { plan } = host.subject ?? {};
    const mine = report.gpus.filter(({ uuid }) => plan === undefined || plan.gpuUuids.includes(uuid));
    if (mine.length === 0) return skip(`engine ${plan?.engine} uses no GPU`);
    if (mine.some(({ computeMode: mode }) => mode === undefined)) {
      return skip('nvidia-smi does not tell the compute mode');
    }
    const shut = mine.find(({ computeMode: mode }) => mode !== 'Default');
    if (shut === undefined) return ok('compute mode Default');
    return warn(
      `GPU ${shut.index} is in compute mode ${shut.computeMode}: ${shut.computeMode === 'Prohibited' ? 'no process' : 'one process only'} may use it`,
      `sudo nvidia-smi -i ${shut.index} -c DEFAULT   # workers that share a GPU need it`,
    );
  },
};
