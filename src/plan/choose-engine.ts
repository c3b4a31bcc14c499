/** Decides which engine serves, and says why: never a simulated answer on a machine that could give a real one. */
import { DynamoError } from '../base/error.ts';
import { chooseDialect, type Dialect } from '../engine/dialects.ts';
import type { Engine, EngineName } from '../engine/engine.ts';
import { mockerEngine } from '../engine/mocker.ts';
import type { PythonHome } from '../engine/python-home.ts';
import { sglangEngine } from '../engine/sglang.ts';
import { simEngine } from '../engine/sim.ts';
import type { Profile } from '../profile/profile.ts';
import type { Choice } from './plan.ts';
import type { HostFacts, PythonEnvironment } from './request.ts';

export interface EngineChoice {
  readonly engine: Engine;
  readonly choices: readonly Choice[];
}

/**
 * `auto` takes `sglang` on a host with GPUs and SGLang, and where the profile says `device: cpu` and there is SGLang;
 * else `sim` on a host without GPUs. Throws `environment` for GPUs without SGLang, for an engine without its Python
 * packages or with too old ones, and for `sglang` without a GPU unless the profile says `device: cpu`.
 */
export function chooseEngine(
  asked: 'auto' | EngineName,
  { device }: Pick<Profile, 'device'>,
  host: HostFacts,
): EngineChoice {
  const { name, because } =
    asked === 'auto' ? autoEngine(device, host) : { name: asked, because: `--engine ${asked}` };
  const choice = { what: 'engine', value: name, because };
  if (name === 'sim') return { engine: simEngine(host.sim), choices: [choice] };
  const python = pythonFor(name, host.python);
  if (name === 'sglang') requireDevice(device, host);
  const { dialect, warning } = chooseDialect(python.dynamoVersion);
  const home: PythonHome = {
    folder: python.folder,
    python: python.python,
    inImage: python.inImage === true,
    caller: host.environment,
  };
  return {
    engine: upstreamEngine(name, { home, dialect, device, tokenizer: host.tokenizer }),
    choices: [
      choice,
      ...(warning === undefined ? [] : [{ what: 'version', value: python.dynamoVersion, because: warning }]),
    ],
  };
}

interface UpstreamParts {
  readonly home: PythonHome;
  readonly dialect: Dialect;
  readonly device: Profile['device'];
  readonly tokenizer: string;
}

function upstreamEngine(
  name: 'sglang' | 'mocker',
  { home, dialect, device, tokenizer }: UpstreamParts,
): Engine {
  return name === 'mocker' ? mockerEngine(home, dialect, tokenizer) : sglangEngine(home, dialect, device);
}

/** What `--engine auto` takes. Throws `environment` where there are GPUs but no SGLang for them. */
export function autoEngine(
  device: Profile['device'],
  host: Pick<HostFacts, 'gpus' | 'gpuProblem' | 'python'>,
): { name: EngineName; because: string } {
  const [first] = host.gpus;
  const { python } = host;
  const sglang =
    python?.sglangVersion === undefined
      ? undefined
      : `Dynamo ${python.dynamoVersion} with SGLang ${python.sglangVersion} in ${python.folder}`;
  if (device === 'cpu' && sglang !== undefined) return { name: 'sglang', because: `device: cpu, ${sglang}` };
  if (first === undefined) {
    const reason = host.gpuProblem ?? 'this host has no NVIDIA GPU';
    return { name: 'sim', because: `${reason}: answers are simulated (--engine chooses another)` };
  }
  if (sglang !== undefined)
    return { name: 'sglang', because: `${host.gpus.length} × ${first.name}, ${sglang}` };
  throw new DynamoError(
    'environment',
    `This host has ${host.gpus.length} × ${first.name}, but no SGLang for them.`,
    {
      details: [
        'Two ways on:',
        '  dynamo setup --engine sglang    install NVIDIA Dynamo with SGLang',
        '  --engine sim                    run the embedded engine: simulated answers, no GPU used',
      ],
      hint: 'dynamo setup --engine sglang',
    },
  );
}

function pythonFor(name: 'sglang' | 'mocker', python: PythonEnvironment | undefined): PythonEnvironment {
  if (python !== undefined && (name === 'mocker' || python.sglangVersion !== undefined)) return python;
  const lack =
    python === undefined
      ? 'no Python environment here holds Dynamo'
      : `${python.folder} holds Dynamo ${python.dynamoVersion} without SGLang`;
  throw new DynamoError('environment', `The engine ${name} cannot start: ${lack}.`, {
    hint: `dynamo setup --engine ${name}   # or name an environment: --python FOLDER; --engine sim needs none`,
  });
}

function requireDevice(device: Profile['device'], host: HostFacts): void {
  if (device === 'cpu' || host.gpus.length > 0) return;
  const reason = host.gpuProblem ?? 'this host has no NVIDIA GPU';
  throw new DynamoError('environment', `The engine sglang cannot start: ${reason}.`, {
    details: [
      'Ways on without a GPU:',
      '  --set device=cpu   a tiny model, on the CPU',
      '  --engine mocker    the real frontend before workers that compute nothing',
      '  --engine sim       the embedded engine, simulated answers',
    ],
    hint: 'add --set device=cpu   # for a tiny model',
    impossible: true,
  });
}
