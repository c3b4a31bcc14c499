/** D28: the Python environment holds Dynamo and SGLang that belong together and know the planned flags. */
import { join } from 'node:path';
import { messageOf } from '../../base/error-code.ts';
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import type { PythonEnvironment } from '../../plan/request.ts';
import type { HostView } from '../host-view.ts';
import { unknownFlags } from '../known-flags.ts';
import { packagesIn, type PythonPackages } from '../python-packages.ts';

/** Versions of Python that ai-dynamo has wheels for. Source: docs/upstream/versions.md#packages. */
const pythons = ['3.10', '3.11', '3.12', '3.13'];
const install = 'dynamo setup   # or: uv pip install --prerelease=allow "ai-dynamo[sglang]"';

export const packages: Check = {
  id: 'D28',
  name: 'packages',
  title: 'Dynamo and SGLang are installed and fit together',
  severity: 'fail',
  look: async (host) => {
    const { plan } = host.subject ?? {};
    if (plan?.engine === 'sim') return skip('engine sim needs no Python');
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
        `ai-dynamo ${python.dynamoVersion}, sglang ${python.sglangVersion ?? 'not installed'}, Python ${installed.pythonVersion ?? 'unknown'} in ${python.folder}`,
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
  const seen = `no Python environment with ai-dynamo was found (${tools.join(', ')}; looked at DYNAMO_PYTHON, VIRTUAL_ENV, CONDA_PREFIX, what dynamo setup made, and python3 on PATH)`;
  if (host.subject?.plan !== undefined || state === 'answers') return fail(seen, install);
  return skip(`${seen}; without a GPU engine sim needs none`);
}

function mismatch(
  host: HostView,
  { folder, dynamoVersion, sglangVersion, because }: PythonEnvironment,
  installed: PythonPackages,
): Finding | undefined {
  const runtime = installed.versionOf('ai-dynamo-runtime');
  if (runtime !== dynamoVersion) {
    return fail(
      `ai-dynamo is ${dynamoVersion} and ai-dynamo-runtime is ${runtime ?? 'missing'} in ${folder}`,
      `uv pip install ai-dynamo==${dynamoVersion} ai-dynamo-runtime==${dynamoVersion}`,
    );
  }
  if (host.subject?.plan?.engine === 'sglang' && sglangVersion === undefined) {
    return fail(`ai-dynamo ${dynamoVersion} is in ${folder}, sglang is not`, install);
  }
  const { pythonVersion } = installed;
  if (pythonVersion !== undefined && !pythons.includes(pythonVersion)) {
    return warn(
      `Python ${pythonVersion} in ${folder}: ai-dynamo has wheels for ${pythons.join(', ')}`,
      'uv venv --python 3.12',
    );
  }
  const active = host.environment['VIRTUAL_ENV'];
  const isNamed = /^(--python|DYNAMO_PYTHON)/.test(because);
  if (active && active !== folder && !isNamed) {
    return warn(
      `VIRTUAL_ENV is ${active}, but dynamo takes ${folder}: ${because}`,
      `source ${join(folder, 'bin', 'activate')}`,
    );
  }
  return undefined;
}

async function flagDrift(host: HostView, { folders }: PythonPackages): Promise<Finding | undefined> {
  const plan = host.subject?.plan;
  if (plan === undefined) return undefined;
  for (const { name, argv } of plan.processes) {
    const unknown = await unknownFlags(host, folders, argv);
    if (unknown.length === 0) continue;
    return warn(
      `${name} is started with ${unknown.join(', ')}, which the installed version does not name`,
      'dynamo plan shows the arguments; leave it out, or install the version that has it',
    );
  }
  return undefined;
}
