/** What AIConfigurator is asked: a model, a type of GPU, a load and limits, as the arguments of its command. */
import type { Gpu } from '../plan/request.ts';
import { quote } from '../base/terminal-text.ts';

/** How many GPUs there are, or the load for which the fewest are looked for. */
export type Size =
  | { readonly kind: 'gpus'; readonly gpus: number }
  | { readonly kind: 'rate'; readonly requestsPerSecond: number }
  | { readonly kind: 'users'; readonly users: number };

export interface Question {
  /** As it was typed, and as `dynamo up` takes it. */
  readonly model: string;
  /** Hugging Face id, or the absolute path of a folder with config.json. */
  readonly modelPath: string;
  /** AIConfigurator's name for the type of GPU. */
  readonly gpu: string;
  readonly size: Size;
  /** Tokens of a request and of its answer. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** The longest that a user waits for the first token, and between two tokens. */
  readonly ttftMs: number;
  readonly itlMs: number;
}

/** What it assumes itself where nothing is said. Source: `aiconfigurator cli default --help` 0.12.0. */
export const usual = { inputTokens: 4000, outputTokens: 1000, ttftMs: 2000, itlMs: 30 } as const;

/** More than its own five: a profile cannot express each of them. */
const topCount = 10;

/** The words after the program's name. `folder`: where it writes its results. Seen with 0.12.0. */
export function comparisonWords(question: Question, folder: string): string[] {
  const { size, inputTokens, outputTokens, ttftMs, itlMs } = question;
  const [command, load] =
    size.kind === 'gpus'
      ? ['default', ['--total-gpus', size.gpus]]
      : size.kind === 'rate'
        ? ['recommend', ['--target-request-rate', size.requestsPerSecond]]
        : ['recommend', ['--target-concurrency', size.users]];
  const words = [
    'cli',
    command,
    ...machineWords(question),
    ...load,
    '--isl',
    inputTokens,
    '--osl',
    outputTokens,
    '--ttft',
    ttftMs,
    '--tpot',
    itlMs,
    '--top-n',
    topCount,
    '--save-dir',
    folder,
    '--no-color',
  ];
  return words.map(String);
}

/** What it predicts for, by AIConfigurator's name; also the engine of the advised profile. */
export const backend = 'sglang';

export function supportWords(question: Question): string[] {
  return ['cli', 'support', ...machineWords(question), '--no-color'];
}

function machineWords({ modelPath, gpu }: Question): string[] {
  return ['--model-path', modelPath, '--system', gpu, '--backend', backend];
}

/** The command that asks this, or the same with other values. */
export function adviseCommand(question: Question, more: readonly string[] = []): string {
  const { model, gpu, size, inputTokens, outputTokens, ttftMs, itlMs } = question;
  const load =
    size.kind === 'gpus'
      ? ['--gpus', size.gpus]
      : size.kind === 'rate'
        ? ['--rate', size.requestsPerSecond]
        : ['--users', size.users];
  const words = [
    'dynamo',
    'advise',
    '--model',
    model,
    ...load,
    '--gpu',
    gpu,
    '--isl',
    inputTokens,
    '--osl',
    outputTokens,
    '--ttft',
    `${ttftMs}ms`,
    '--itl',
    `${itlMs}ms`,
    ...more,
  ];
  return words.map((word) => quote(String(word))).join(' ');
}

/** From the names of nvidia-smi to those of AIConfigurator 0.12.0. */
const gpuTypes: readonly (readonly [RegExp, string])[] = [
  [/\bGB300\b/, 'gb300'],
  [/\bGB200\b/, 'gb200'],
  [/\bB300\b/, 'b300_sxm'],
  [/\bB200\b/, 'b200_sxm'],
  [/\bH200(?! NVL)\b/, 'h200_sxm'],
  [/\bH100 PCIe\b/, 'h100_pcie'],
  [/\bH100 80GB HBM3\b/, 'h100_sxm'],
  [/\bA100-SXM4-80GB\b/, 'a100_sxm'],
  [/\bA100 80GB PCIe\b/, 'a100_pcie'],
  [/\bRTX PRO 6000\b.*\bServer\b/, 'rtx_pro_6000_server'],
  [/\bL40S\b/, 'l40s'],
  [/\bL4\b/, 'l4'],
  [/\bA30\b/, 'a30'],
];

/** Those of which it has data with SGLang, for some models: those below its `systems/data` with a folder `sglang`. */
export const gpuTypeNames = [
  'h200_sxm',
  'h100_sxm',
  'b200_sxm',
  'b300_sxm',
  'gb200',
  'gb300',
  'a100_sxm',
  'l40s',
  'rtx_pro_6000_server',
];

/** `undefined` for a GPU without data, and for a part of one. */
export function gpuTypeOf({ name, migOf }: Pick<Gpu, 'name' | 'migOf'>): string | undefined {
  return migOf === undefined ? gpuTypes.find(([pattern]) => pattern.test(name))?.[1] : undefined;
}
