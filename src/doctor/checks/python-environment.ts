/** The Python environment: cuDNN, NIXL, and compatible versions. */
import { autoEngines, backends, findEngine } from '../../engine/engines.ts';
import { lacksBackend } from '../../plan/choose-engine.ts';
import { join } from 'node:path';
import { messageOf } from '../../base/error-code.ts';
import { compareVersions } from '../../base/package-version.ts';
import type { PythonEnvironment } from '../../plan/request.ts';
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import type { HostView, Subject } from '../host-view.ts';
import { findModel, readJson } from '../model-files.ts';
import { engineUses, prefillsOf, seesImages, workersOf } from '../planned.ts';
import { packagesIn, type PythonPackages, unknownFlags } from '../python-packages.ts';

/** SGLang checks this for torch 2.9.1 only. Source: docs/upstream/memory-and-gpus.md#cudnn. */
const badTorch = '2.9.1';
const goodCudnn = '9.15';

/** D01: SGLang refuses vision and diffusion models on torch 2.9.1 with an old cuDNN. */
export const cudnn: Check = {
  id: 'D01',
  name: 'cudnn',
  title: 'cuDNN is new enough for vision and diffusion models',
  severity: 'fail',
  look: async (host) => {
    const python = host.python();
    if (python === undefined) return skip('there is no Python environment with Dynamo');
    const installed = await packagesIn(host, python.folder);
    const torch = installed.versionOf('torch');
    if (torch === undefined) return skip(`torch is not installed in ${python.folder}`);
    const wheel = ['nvidia-cudnn-cu13', 'nvidia-cudnn-cu12'].find(
      (name) => installed.versionOf(name) !== undefined,
    );
    const version =
      wheel === undefined ? await loadedVersion(host, python.python) : installed.versionOf(wheel);
    if (version === undefined)
      return skip(`torch ${torch} is installed, but the version of cuDNN is unknown`);
    const seen = `torch ${torch} with cuDNN ${version}`;
    if (compareVersions(torch, badTorch) !== 0 || compareVersions(version, goodCudnn) >= 0) return ok(seen);
    return await judgeCudnn(host, seen, `pip install ${wheel ?? 'nvidia-cudnn-cu12'}==9.16.0.29`);
  },
};

async function judgeCudnn(host: HostView, seen: string, fix: string): Promise<Finding> {
  const { subject } = host;
  const trouble = `${seen}: SGLang needs cuDNN ${goodCudnn} for vision and diffusion models`;
  const either = `${fix}   # or, slower and with more memory: --env SGLANG_DISABLE_CUDNN_CHECK=1`;
  if (subject?.plan === undefined) return warn(trouble, either);
  if (!engineUses(subject.plan, 'cudnn')) return ok(`${seen}: engine ${subject.plan.engine} does not use it`);
  if (subject.plan.processes.some(({ env }) => env['SGLANG_DISABLE_CUDNN_CHECK'] === '1')) {
    return ok(`${seen}, and the profile disables the check`);
  }
  return (await usesVision(host, subject)) ? fail(trouble, either) : ok(`${seen}: the model is text-only`);
}

/** The model decides if its files can be read, since profiles also accept images for text models. */
async function usesVision(host: HostView, subject: Subject): Promise<boolean> {
  const model = await findModel(host, subject.profile.model);
  if (model?.names.has('model_index.json') === true) return true;
  const config = model && (await readJson(host, join(model.folder, 'config.json')));
  return config === undefined ? seesImages(subject) : 'vision_config' in config;
}

/** As the library reports it, if no wheel installed it: 91300 is 9.13. */
async function loadedVersion(host: HostView, python: string): Promise<string | undefined> {
  const program = "import ctypes;print(ctypes.CDLL('libcudnn.so.9').cudnnGetVersion())";
  const asked = await host.run(python, ['-c', program]);
  const number = Number(asked?.stdout.trim());
  if (asked?.code !== 0 || !(number > 0)) return undefined;
  return `${Math.floor(number / 10_000)}.${Math.floor((number % 10_000) / 100)}`;
}

/** Source: docs/upstream/memory-and-gpus.md#nixl. */
const oldestUcx = '1.18';

/** D27: NIXL, which carries KV blocks from prefill to decode, is installed and finds a compatible UCX. */
export const nixl: Check = {
  id: 'D27',
  name: 'nixl',
  title: 'NIXL can transfer KV blocks',
  severity: 'fail',
  look: async (host) => {
    const { subject } = host;
    const plan = subject?.plan;
    if (subject !== undefined) {
      if (plan === undefined) return skip('there is no valid plan');
      if (!engineUses(plan, 'nixl')) return skip(`engine ${plan.engine} does not use NIXL`);
      const uses = workersOf(subject).some(({ transfer }) => (transfer?.backend ?? 'nixl') === 'nixl');
      if (!uses || prefillsOf(plan).length === 0)
        return skip(`${plan.profile.name} does not transfer KV blocks with NIXL`);
    }
    const python = host.python();
    const { backend } = autoEngines.real.python;
    if (python === undefined || lacksBackend(backend, python))
      return skip('there is no Python environment with SGLang');
    const installed = await packagesIn(host, python.folder);
    const name = ['nixl', 'nixl-cu13', 'nixl-cu12'].find((each) => installed.versionOf(each) !== undefined);
    if (name === undefined) {
      const evidence = `NIXL is not installed in ${python.folder}`;
      return plan === undefined
        ? warn(evidence, 'uv pip install nixl')
        : fail(evidence, 'uv pip install nixl');
    }
    const seen = `${name} ${installed.versionOf(name)}`;
    const ucx = await host.run('dpkg-query', ['-W', '-f=${Version}', 'libucx0']);
    const path = host.environment['LD_LIBRARY_PATH'] ?? '';
    const version = /^[\d.]+\d/.exec(ucx?.stdout ?? '')?.[0];
    if (version !== undefined && compareVersions(version, oldestUcx) < 0 && /(^|:)\/(usr\/)?lib/.test(path)) {
      return warn(
        `UCX ${version} of the system takes precedence over the one in the wheel of ${name} (LD_LIBRARY_PATH=${path})`,
        'unset LD_LIBRARY_PATH   # or sudo apt remove libucx0',
      );
    }
    if (plan === undefined) return ok(`${seen} is installed`);
    const loaded = await host.run(python.python, ['-c', 'import nixl._api']);
    if (loaded === undefined) return skip(`${seen} is installed, but ${python.python} cannot run to load it`);
    if (loaded.code === 0) return ok(`${seen} can be loaded`);
    const last = loaded.stderr.trim().split('\n').at(-1) ?? '';
    return fail(`${seen} is installed, but cannot be loaded: ${last}`, `uv pip install --reinstall ${name}`);
  },
};

/** Versions of Python that ai-dynamo has wheels for. Source: docs/upstream/versions.md#packages. */
const pythons = ['3.10', '3.11', '3.12', '3.13'];
const install = 'dynamo setup   # or: uv pip install --prerelease=allow "ai-dynamo[sglang]"';

/** D28: the Python environment contains compatible versions of Dynamo and SGLang, which support the planned flags. */
export const packages: Check = {
  id: 'D28',
  name: 'packages',
  title: 'Dynamo and SGLang are installed and compatible',
  severity: 'fail',
  look: async (host) => {
    const { plan } = host.subject ?? {};
    if (plan !== undefined && findEngine(plan.engine)?.python === undefined)
      return skip(`engine ${plan.engine} needs no Python`);
    let python: PythonEnvironment | undefined;
    try {
      python = host.python();
    } catch (error) {
      return fail(messageOf(error), install);
    }
    if (python === undefined) return await notInstalled(host);
    const installed = await packagesIn(host, python.folder);
    return (
      mismatch(host, python, installed) ??
      (await flagDrift(host, installed)) ??
      ok(
        `ai-dynamo ${python.dynamoVersion}, ${backendsText(python)}, Python ${installed.pythonVersion ?? 'unknown'} in ${python.folder}`,
      )
    );
  },
};

async function notInstalled(host: HostView): Promise<Finding> {
  const { state } = await host.gpus();
  const tools = await Promise.all(
    ['python3', 'uv'].map(async (name) => {
      const asked = await host.run(name, ['--version']);
      return asked?.code === 0 ? (asked.stdout.trim() || asked.stderr.trim()).split('\n')[0] : `no ${name}`;
    }),
  );
  const seen = `no Python environment with ai-dynamo was found (${tools.join(', ')}; checked DYNAMO_PYTHON, VIRTUAL_ENV, CONDA_PREFIX, environments of dynamo setup, and python3 on PATH)`;
  if (host.subject?.plan !== undefined || state === 'answers') return fail(seen, install);
  return skip(`${seen}; the engine sim needs none`);
}

function mismatch(host: HostView, python: PythonEnvironment, installed: PythonPackages): Finding | undefined {
  const { folder, dynamoVersion, because, namedByUser } = python;
  const runtime = installed.versionOf('ai-dynamo-runtime');
  if (runtime !== dynamoVersion) {
    return fail(
      `ai-dynamo is ${dynamoVersion} and ai-dynamo-runtime is ${runtime ?? 'missing'} in ${folder}`,
      `uv pip install ai-dynamo==${dynamoVersion} ai-dynamo-runtime==${dynamoVersion}`,
    );
  }
  const backend = findEngine(host.subject?.plan?.engine ?? 'none')?.python?.backend;
  if (backend !== undefined && lacksBackend(backend, python)) {
    return fail(`${folder} has ai-dynamo ${dynamoVersion}, but not ${backend.distribution}`, install);
  }
  const { pythonVersion } = installed;
  if (pythonVersion !== undefined && !pythons.includes(pythonVersion)) {
    return warn(
      `Python ${pythonVersion} in ${folder}: ai-dynamo has wheels for ${pythons.join(', ')}`,
      'uv venv --python 3.12',
    );
  }
  const active = host.environment['VIRTUAL_ENV'];
  if (active && active !== folder && namedByUser !== true) {
    return warn(
      `VIRTUAL_ENV is ${active}, but dynamo uses ${folder}: ${because}`,
      `source ${join(folder, 'bin', 'activate')}`,
    );
  }
  return undefined;
}

function backendsText({ backends: held }: PythonEnvironment): string {
  return backends
    .map(({ distribution }) => `${distribution} ${held[distribution] ?? 'not installed'}`)
    .join(', ');
}

async function flagDrift(host: HostView, { folders }: PythonPackages): Promise<Finding | undefined> {
  const plan = host.subject?.plan;
  if (plan === undefined) return undefined;
  for (const { name, argv } of plan.processes) {
    const unknown = await unknownFlags(host, folders, argv);
    if (unknown.length === 0) continue;
    return warn(
      `${name} is started with ${unknown.join(', ')}, which the installed version does not support`,
      'remove it (dynamo plan shows the arguments), or install a version that supports it',
    );
  }
  return undefined;
}
