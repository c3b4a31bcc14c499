/** A configuration of AIConfigurator as a profile of ours, and what a profile cannot express of it. */
import type { ProfileDocument } from '../profile/schema.ts';
import { yamlText } from '../profile/yaml-text.ts';
import { quote } from '../base/terminal-text.ts';
import type { Candidate, Role, RoleName } from './answer.ts';
import type { Question } from './question.ts';

/** The versions behind every figure. */
export interface Source {
  /** Of AIConfigurator. */
  readonly version: string | undefined;
  /** Of SGLang, whose flags it generated. */
  readonly flagsVersion: string | undefined;
}

/** The same deployment in three forms: options of a command, a profile, a manifest. */
export interface Deployment {
  readonly profile: Candidate['mode'];
  readonly replicas: Readonly<Partial<Record<RoleName, number>>>;
  /** Other keys that differ from the shipped profile. */
  readonly workers: readonly WorkerSettings[];
  /** Flags that it generated and that are not taken over, with the reason. */
  readonly leftOut: readonly string[];
}

interface WorkerSettings {
  readonly name: RoleName;
  readonly gpus: number;
  readonly gpuMemoryGiB: number;
  readonly memory: Readonly<Record<string, number>>;
  readonly engineArgs: readonly string[];
}

/** What a profile has no key for; a configuration without any of it can be deployed. */
export function lacksOf({ roles, encoders }: Candidate): string[] {
  const lacks = roles.flatMap((role) => [
    ...(role.dataParallel > 1 ? [`data-parallel attention (dp ${role.dataParallel})`] : []),
    ...(role.pipelineParallel > 1 ? [`pipeline parallelism (pp ${role.pipelineParallel})`] : []),
    ...(role.contextParallel > 1 ? [`context parallelism (cp ${role.contextParallel})`] : []),
  ]);
  return [...new Set([...lacks, ...(encoders > 0 ? ['separate encoders'] : [])])];
}

export function deploymentOf({ mode, roles, replicas }: Candidate): Deployment {
  const workers = roles.map(settingsOf);
  const leftOut = roles.flatMap(({ flags }) =>
    Object.entries(engineDecides).flatMap(([flag, why]) => (flags.has(flag) ? [`${flag}: ${why}`] : [])),
  );
  return {
    profile: mode,
    replicas: Object.fromEntries(roles.map((role) => [role.name, role.workers * replicas])),
    workers,
    leftOut: [...new Set(leftOut)],
  };
}

/** Said by the shape of the workers, or by the mode of the profile. */
const inTheShape = new Set([
  '--tensor-parallel-size',
  '--pipeline-parallel-size',
  '--data-parallel-size',
  '--disaggregation-mode',
  '--disaggregation-transfer-backend',
]);

const memoryKeys = new Map([
  ['--max-running-requests', 'maxRunningRequests'],
  ['--max-prefill-tokens', 'maxPrefillTokens'],
]);

const engineDecides: Readonly<Record<string, string>> = {
  '--cuda-graph-bs': 'SGLang chooses the batch sizes itself, and newer versions have no such flag',
};

/** Flags that neither the shape nor a key of the profile says are passed on as they are. */
function settingsOf({ name, gpusPerWorker, memoryGiB, flags }: Role): WorkerSettings {
  const memory: Record<string, number> = {};
  const engineArgs: string[] = [];
  for (const [flag, values] of flags) {
    const [value = ''] = values;
    const key = memoryKeys.get(flag);
    if (inTheShape.has(flag) || flag in engineDecides || isUsual(flag, value)) continue;
    if (key !== undefined) memory[key] = Number(value);
    else engineArgs.push(flag === '--expert-parallel-size' ? '--ep-size' : flag, ...values);
  }
  return {
    name,
    gpus: gpusPerWorker,
    gpuMemoryGiB: Math.ceil(memoryGiB * gpusPerWorker),
    memory,
    engineArgs,
  };
}

function isUsual(flag: string, value: string): boolean {
  return (
    (flag === '--expert-parallel-size' && value === '1') || (flag === '--kv-cache-dtype' && value === 'auto')
  );
}

export interface Setting {
  readonly path: string;
  readonly value: string;
}

/** As `--set` takes them. */
export function settingsIn({ workers }: Deployment): Setting[] {
  return workers.flatMap(({ name, gpus, gpuMemoryGiB, memory, engineArgs }) => {
    const at = (key: string, value: number | string): Setting => ({
      path: `components.${name}.${key}`,
      value: String(value),
    });
    return [
      ...(gpus === 1 ? [] : [at('gpus', gpus)]),
      at('gpuMemoryGiB', gpuMemoryGiB),
      ...Object.entries(memory).map(([key, value]) => at(`memory.${key}`, value)),
      ...(engineArgs.length === 0 ? [] : [at('engineArgs.sglang', `[${engineArgs.join(', ')}]`)]),
    ];
  });
}

export function upCommand(deployment: Deployment, { model }: Pick<Question, 'model'>): string {
  const words = [
    'dynamo',
    'up',
    deployment.profile,
    '--model',
    model,
    ...Object.entries(deployment.replicas).flatMap(([role, count]) =>
      count === 1 ? [] : ['--replicas', `${role}=${count}`],
    ),
    ...settingsIn(deployment).flatMap(({ path, value }) => ['--set', `${path}=${value}`]),
  ];
  return words.map(quote).join(' ');
}

type Predicted = NonNullable<ProfileDocument['predicted']>;

/** `dynamo bench` shows these beside what it measures. */
export function predictedBy(
  { figures, dataVersion, gpus }: Candidate,
  question: Question,
  source: Source,
): Predicted {
  const { gpu, inputTokens, outputTokens } = question;
  return {
    by: `AIConfigurator${source.version === undefined ? '' : ` ${source.version}`}`,
    data: `SGLang ${dataVersion}`,
    gpu,
    gpus,
    inputTokens,
    outputTokens,
    ...figures,
  };
}

/** A profile file over the shipped profile of its mode. */
export function profileYaml(candidate: Candidate, question: Question, source: Source): string {
  const { profile, workers, replicas, leftOut } = deploymentOf(candidate);
  const { modelPath, gpu, inputTokens, outputTokens } = question;
  const components = workers.map(({ name, engineArgs, gpus, gpuMemoryGiB, memory }) => [
    name,
    {
      replicas: replicas[name],
      gpus,
      gpuMemoryGiB,
      memory,
      ...(engineArgs.length === 0 ? {} : { engineArgs: { sglang: engineArgs } }),
    },
  ]);
  const document = {
    description: `Advised for ${inputTokens} tokens in and ${outputTokens} out on ${candidate.gpus} × ${gpu}`,
    extends: profile,
    parameters: { model: { default: modelPath } },
    components: Object.fromEntries(components) as object,
    predicted: predictedBy(candidate, question, source),
  };
  return yamlText(document, [
    `Written by dynamo advise. What is under "predicted" was computed, not measured.`,
    ...leftOut.map((each) => `Left out: ${each}.`),
  ]);
}
