/** D14: the driver is new enough for the CUDA that torch was built with. */
import { join } from 'node:path';
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import { noGpu } from '../gpu-report.ts';
import type { HostView } from '../host-view.ts';
import { packagesIn } from '../python-packages.ts';
import { compareVersions } from '../../base/package-version.ts';

/** The oldest driver for each CUDA; within a major version newer minors run on it, too. Source: CUDA compatibility guide. */
const oldestDriver: Readonly<Record<string, string>> = { '11': '450.80', '12': '525.60', '13': '580' };

export const driver: Check = {
  id: 'D14',
  name: 'driver',
  title: 'the driver is new enough for the CUDA of torch',
  severity: 'fail',
  look: async (host) => {
    const report = await host.gpus();
    const none = noGpu(report);
    if (none !== undefined) return none;
    const { driverVersion, cudaVersion } = report;
    if (driverVersion === undefined) return skip('nvidia-smi does not tell the version of the driver');
    const shadow = shadowedLibrary(host);
    if (shadow !== undefined) return shadow;
    const cuda = await cudaOfTorch(host);
    if (cuda === undefined)
      return skip(`driver ${driverVersion}; there is no torch with CUDA to compare it with`);
    const oldest = oldestDriver[cuda.split('.')[0] ?? ''];
    const seen = `torch is built with CUDA ${cuda}, driver ${driverVersion} supports ${cudaVersion ?? 'an unknown version'}`;
    if (oldest !== undefined && compareVersions(driverVersion, oldest) < 0) {
      return fail(seen, `upgrade the driver to ${oldest} or newer, or install torch for an older CUDA`);
    }
    if (cudaVersion !== undefined && compareVersions(cudaVersion, cuda) < 0) {
      return warn(`${seen}: kernels that are compiled at run time may fail`, `upgrade the driver`);
    }
    return ok(seen);
  },
};

/** Error 803 is most often a libcuda that is not the driver's. */
function shadowedLibrary({ environment }: HostView): Finding | undefined {
  const folders = (environment['LD_LIBRARY_PATH'] ?? '').split(':').filter(Boolean);
  const odd = folders.find((folder) => /(^|\/)(compat|stubs)(\/|$)/.test(folder));
  return odd === undefined
    ? undefined
    : warn(
        `LD_LIBRARY_PATH has ${odd}: its libcuda may not be the driver's (error 803)`,
        `export LD_LIBRARY_PATH=${folders.filter((folder) => folder !== odd).join(':')}`,
      );
}

/** Read from the file that torch itself reads: importing it takes seconds. */
async function cudaOfTorch(host: HostView): Promise<string | undefined> {
  const python = host.python();
  if (python === undefined) return undefined;
  for (const folder of (await packagesIn(host, python.folder)).folders) {
    const text = await host.files.read(join(folder, 'torch', 'version.py'));
    const found = /^cuda\b[^=]*=\s*'([\d.]+)'/m.exec(text ?? '')?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}
