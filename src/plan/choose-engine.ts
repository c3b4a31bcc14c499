/** Decides which engine serves, from which Python environment, and why. A host with GPUs never gets simulated answers silently. */
import { DynamoError } from '../base/error.ts';
import { chooseVersionFlags } from '../engine/version-flags.ts';
import type { Backend, Engine, EngineKind, EngineName, PythonHome, UpstreamKind } from '../engine/engine.ts';
import { autoEngines, backends, engines } from '../engine/engines.ts';
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
  const { kind, because, otherwise } =
    asked === 'auto'
      ? autoEngine(device, host)
      : { kind: engines[asked], because: `--engine ${asked}`, otherwise: undefined };
  const why = otherwise === undefined ? because : `${because} (${otherwise})`;
  const choice = { what: 'engine', value: kind.name, because: why };
  if (kind.python === undefined) return { engine: kind.make(host.sim), choices: [choice] };
  const python = pythonFor(kind, host.python);
  if (kind.uses.includes('gpus')) requireDevice(kind, device, host);
  const { versionFlags, warning } = chooseVersionFlags(python.dynamoVersion);
  const home: PythonHome = {
    folder: python.folder,
    version: python.dynamoVersion,
    python: python.python,
    inImage: python.inImage === true,
    caller: host.environment,
  };
  return {
    engine: kind.make({ home, versionFlags, device, tokenizer: host.tokenizer }),
    choices: [
      choice,
      ...(warning === undefined ? [] : [{ what: 'version', value: python.dynamoVersion, because: warning }]),
    ],
  };
}

/**
 * The engine that will probably serve, before anything searches for a Python environment: `auto` selects an engine that
 * needs one only on GPUs, or on the CPU if the profile says so. `device` is absent for plans that serve no model.
 */
export function likelyEngine(
  asked: 'auto' | EngineName,
  device: Profile['device'] | undefined,
  gpus: HostFacts['gpus'],
): EngineKind {
  if (asked !== 'auto') return engines[asked];
  return gpus.length === 0 && device !== 'cpu' ? autoEngines.simulated : autoEngines.real;
}

/** What `--engine auto` takes. Throws `environment` where there are GPUs but no SGLang for them. */
export function autoEngine(
  device: Profile['device'],
  host: Pick<HostFacts, 'gpus' | 'gpuProblem' | 'python'>,
): { kind: EngineKind; because: string; otherwise?: string } {
  const [first] = host.gpus;
  const { real, simulated } = autoEngines;
  const packages = packagesFor(real, host.python);
  const likely = likelyEngine('auto', device, host.gpus);
  if (likely === real && packages !== undefined) {
    const where =
      device === 'cpu' || first === undefined ? 'device: cpu' : `${host.gpus.length} × ${first.name}`;
    return { kind: real, because: `${where}, ${packages}` };
  }
  if (first === undefined) {
    const reason = host.gpuProblem ?? 'this host has no NVIDIA GPU';
    return {
      kind: simulated,
      because: `${reason}: answers are simulated`,
      otherwise: '--engine selects another engine',
    };
  }
  throw new DynamoError(
    'environment',
    `This host has ${host.gpus.length} × ${first.name}, but ${titleOf(real)} is not installed.`,
    {
      details: [
        'Your options:',
        `  dynamo setup --engine ${real.name}    install NVIDIA Dynamo with ${titleOf(real)}`,
        '  --engine sim                    run the embedded engine: simulated answers, no GPU used',
      ],
      hint: `dynamo setup --engine ${real.name}`,
      fields: { engine: real.name, gpusAllowed: host.gpus.length },
    },
  );
}

/** Describes the packages that an environment has for an engine; `undefined` if any is missing. */
function packagesFor(
  { python: need }: UpstreamKind,
  python: PythonEnvironment | undefined,
): string | undefined {
  if (python === undefined || lacksBackend(need.backend, python)) return undefined;
  return `Dynamo ${python.dynamoVersion}${withBackends(python)} in ${python.folder}`;
}

function pythonFor(kind: UpstreamKind, python: PythonEnvironment | undefined): PythonEnvironment {
  if (python !== undefined && !lacksBackend(kind.python.backend, python)) return python;
  const lack =
    python === undefined
      ? 'no Python environment here contains Dynamo'
      : `${python.folder} contains Dynamo ${python.dynamoVersion}, but not ${titleOf(kind)}`;
  throw new DynamoError('environment', `The engine ${kind.name} cannot start: ${lack}.`, {
    hint: `dynamo setup --engine ${kind.name}   # or use another environment: --python FOLDER; --engine sim needs none`,
    fields: { engine: kind.name, file: python?.folder, version: python?.dynamoVersion },
  });
}

function titleOf({ name, python }: UpstreamKind): string {
  return python.backend?.title ?? name;
}

function requireDevice({ name }: EngineKind, device: Profile['device'], host: HostFacts): void {
  if (device === 'cpu' || host.gpus.length > 0) return;
  const reason = host.gpuProblem ?? 'this host has no NVIDIA GPU';
  throw new DynamoError('environment', `The engine ${name} cannot start: ${reason}.`, {
    details: [
      'Without a GPU, you can use:',
      '  --set device=cpu   a tiny model, on the CPU',
      '  --engine mocker    the real frontend, with workers that compute nothing',
      '  --engine sim       the embedded engine: simulated answers',
    ],
    hint: 'add --set device=cpu   # for a tiny model',
    impossible: true,
    fields: { engine: name },
  });
}

/** None for the embedded engine, which needs no Python. */
export function pythonChoices(
  { python: need }: Pick<EngineKind, 'python'>,
  python: PythonEnvironment | undefined,
): Choice[] {
  if (need === undefined || python === undefined) return [];
  const { folder, dynamoVersion, because } = python;
  return [
    { what: 'python', value: folder, because: `Dynamo ${dynamoVersion}${withBackends(python)}: ${because}` },
  ];
}

/** ` with SGLang 0.5.16`, or nothing where there is nothing to compute with. */
export function withBackends(python: Pick<PythonEnvironment, 'backends'>): string {
  const held = backends.flatMap(({ distribution, title }) => {
    const version = python.backends[distribution];
    return version === undefined ? [] : [`${title} ${version}`];
  });
  return held.length === 0 ? '' : ` with ${held.join(' and ')}`;
}

/** Whether an environment lacks what an engine computes with. */
export function lacksBackend(
  backend: Backend | undefined,
  { backends: held }: Pick<PythonEnvironment, 'backends'>,
): boolean {
  return backend !== undefined && held[backend.distribution] === undefined;
}
