/** D27: NIXL, which carries KV blocks from prefill to decode, is there and finds a UCX that fits. */
import { type Check, fail, ok, skip, warn } from '../check.ts';
import { prefillsOf, workersOf } from '../planned.ts';
import { packagesIn } from '../python-packages.ts';
import { compareVersions } from '../../base/package-version.ts';

/** Source: docs/upstream/memory-and-gpus.md#nixl. */
const oldestUcx = '1.18';

export const nixl: Check = {
  id: 'D27',
  name: 'nixl',
  title: 'NIXL can carry KV blocks',
  severity: 'fail',
  look: async (host) => {
    const { subject } = host;
    const plan = subject?.plan;
    if (subject !== undefined) {
      if (plan === undefined) return skip('there is no valid plan');
      if (plan.engine !== 'sglang') return skip(`engine ${plan.engine} does not use NIXL`);
      const uses = workersOf(subject).some(({ transfer }) => (transfer?.backend ?? 'nixl') === 'nixl');
      if (!uses || prefillsOf(plan).length === 0)
        return skip(`${plan.profile.name} carries no KV blocks with NIXL`);
    }
    const python = host.python();
    if (python?.sglangVersion === undefined) return skip('there is no Python environment with SGLang');
    const packages = await packagesIn(host, python.folder);
    const name = ['nixl', 'nixl-cu13', 'nixl-cu12'].find((each) => packages.versionOf(each) !== undefined);
    if (name === undefined) {
      const evidence = `NIXL is not installed in ${python.folder}`;
      return plan === undefined
        ? warn(evidence, 'uv pip install nixl')
        : fail(evidence, 'uv pip install nixl');
    }
    const seen = `${name} ${packages.versionOf(name)}`;
    const ucx = await host.run('dpkg-query', ['-W', '-f=${Version}', 'libucx0']);
    const path = host.environment['LD_LIBRARY_PATH'] ?? '';
    const version = /^[\d.]+\d/.exec(ucx?.stdout ?? '')?.[0];
    if (version !== undefined && compareVersions(version, oldestUcx) < 0 && /(^|:)\/(usr\/)?lib/.test(path)) {
      return warn(
        `UCX ${version} of the system comes before the one in the wheel of ${name} (LD_LIBRARY_PATH=${path})`,
        'unset LD_LIBRARY_PATH   # or sudo apt remove libucx0',
      );
    }
    if (plan === undefined) return ok(`${seen} is installed`);
    const loaded = await host.run(python.python, ['-c', 'import nixl._api']);
    if (loaded === undefined) return skip(`${seen} is installed; ${python.python} cannot be run to load it`);
    if (loaded.code === 0) return ok(`${seen} can be loaded`);
    const last = loaded.stderr.trim().split('\n').at(-1) ?? '';
    return fail(`${seen} is installed and cannot be loaded: ${last}`, `uv pip install --reinstall ${name}`);
  },
};
