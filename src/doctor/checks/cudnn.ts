/** D01: SGLang refuses vision and diffusion models on torch 2.9.1 with an old cuDNN. */
import { join } from 'node:path';
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import type { HostView, Subject } from '../host-view.ts';
import { findModel, readJson } from '../model-files.ts';
import { seesImages } from '../planned.ts';
import { packagesIn } from '../python-packages.ts';
import { compareVersions } from '../../base/package-version.ts';

/** The check that users hit is of torch 2.9.1 only. Source: docs/upstream/memory-and-gpus.md#cudnn. */
const badTorch = '2.9.1';
const goodCudnn = '9.15';

export const cudnn: Check = {
  id: 'D01',
  name: 'cudnn',
  title: 'cuDNN is new enough for vision and diffusion models',
  severity: 'fail',
  look: async (host) => {
    const python = host.python();
    if (python === undefined) return skip('there is no Python environment with Dynamo');
    const packages = await packagesIn(host, python.folder);
    const torch = packages.versionOf('torch');
    if (torch === undefined) return skip(`torch is not installed in ${python.folder}`);
    const wheel = ['nvidia-cudnn-cu13', 'nvidia-cudnn-cu12'].find(
      (name) => packages.versionOf(name) !== undefined,
    );
    const version =
      wheel === undefined ? await loadedVersion(host, python.python) : packages.versionOf(wheel);
    if (version === undefined) return skip(`torch ${torch} is there, the version of cuDNN cannot be told`);
    const seen = `torch ${torch} with cuDNN ${version}`;
    if (compareVersions(torch, badTorch) !== 0 || compareVersions(version, goodCudnn) >= 0) return ok(seen);
    return await judge(host, seen, `pip install ${wheel ?? 'nvidia-cudnn-cu12'}==9.16.0.29`);
  },
};

async function judge(host: HostView, seen: string, fix: string): Promise<Finding> {
  const { subject } = host;
  const trouble = `${seen}: SGLang needs cuDNN ${goodCudnn} for vision and diffusion models`;
  const either = `${fix}   # or, slower and with more memory: --env SGLANG_DISABLE_CUDNN_CHECK=1`;
  if (subject?.plan === undefined) return warn(trouble, either);
  if (subject.plan.engine !== 'sglang') return ok(`${seen}: engine ${subject.plan.engine} does not use it`);
  if (subject.plan.processes.some(({ env }) => env['SGLANG_DISABLE_CUDNN_CHECK'] === '1')) {
    return ok(`${seen}, and the profile turns the check off`);
  }
  return (await usesVision(host, subject)) ? fail(trouble, either) : ok(`${seen}: the model is text only`);
}

/** The model decides where it can be read; profiles accept images for text models, too. */
async function usesVision(host: HostView, subject: Subject): Promise<boolean> {
  const model = await findModel(host, subject.profile.model);
  if (model?.names.has('model_index.json') === true) return true;
  const config = model && (await readJson(host, join(model.folder, 'config.json')));
  return config === undefined ? seesImages(subject) : 'vision_config' in config;
}

/** Of the library itself, where no wheel brought it: 91300 is 9.13. */
async function loadedVersion(host: HostView, python: string): Promise<string | undefined> {
  const program = "import ctypes;print(ctypes.CDLL('libcudnn.so.9').cudnnGetVersion())";
  const asked = await host.run(python, ['-c', program]);
  const number = Number(asked?.stdout.trim());
  if (asked?.code !== 0 || !(number > 0)) return undefined;
  return `${Math.floor(number / 10_000)}.${Math.floor((number % 10_000) / 100)}`;
}
