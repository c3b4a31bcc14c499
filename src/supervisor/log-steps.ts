/**
 * The log lines that begin a phase of a start, and the bars that show how far one is: the one table of what upstream says.
 * What no row matches stays in the phase before it.
 */
import type { LoadProgress } from './progress.ts';
import { phases, type StartPhase } from './start-phases.ts';

interface Mark {
  readonly line: RegExp;
  readonly phase: StartPhase;
  /** In addition to the words of the phase. */
  readonly what?: string;
}

/**
 * The first line of each phase. Seen in logs of SGLang 0.5.16 (Dynamo 1.4.2) on H200 and CPU, of mockers and frontends of
 * 1.1.1 and 1.6.1 (test/fixtures/starts); in SGLang 0.5.10, 0.5.14, 0.5.18 and 0.5.21 read from its source.
 */
const marks: readonly Mark[] = [
  // Dynamo's runtime, 1.1 to 1.6: the first thing that a process does once its modules are imported.
  { line: /Initializing (?:KV store discovery|NetworkManager)/, phase: 'configuration' },
  // SGLang says this last before it starts its own processes, which import all of it again.
  { line: /\bserver_args=(?:ServerArgs\(|\{)/, phase: 'imports', what: "modules of the engine's processes" },
  // Image and video workers, whose process says the same in other words.
  {
    line: /^\S*\[\d\d-\d\d [\d:]+\] Starting server\.\.\./,
    phase: 'imports',
    what: "modules of the engine's processes",
  },
  { line: /Init torch distributed begin|Initializing distributed environment/, phase: 'ranks' },
  { line: /Load weight begin/, phase: 'weights' },
  { line: /Loading diffusers pipeline from/, phase: 'weights', what: 'the pipeline' },
  { line: /Load weight end/, phase: 'kv-cache', what: 'weights are loaded' },
  { line: /KV Cache is allocated/, phase: 'kv-cache' },
  {
    line: /Try DeepGEMM JIT Compiling|PP-parallel DeepGEMM warmup start/,
    phase: 'compilation',
    what: 'DeepGEMM',
  },
  { line: /Running FlashInfer autotune/, phase: 'compilation', what: 'FlashInfer chooses kernels' },
  { line: /[Cc]apture .*(?:CUDA|cuda) graph begin/, phase: 'graph-capture', what: 'CUDA graphs' },
  { line: /[Cc]apture cpu graph bs/, phase: 'graph-capture', what: 'CPU graphs' },
  { line: /[Cc]apture .*(?:CUDA|cuda) graph end/, phase: 'graph-capture', what: 'CUDA graphs are captured' },
  // The scheduler has loaded, and the main process goes on.
  { line: /\bmax_total_num_tokens=\d+, chunked_prefill_size=/, phase: 'registration' },
  // Dynamo's runtime: the worker opens the port on which it will be asked, and tells the others.
  {
    line: /Registering model with endpoint types|Creating (?:TCP|NATS) request plane server/,
    phase: 'registration',
  },
];

/** What a bar counts, by its label. */
const bars: readonly Mark[] = [
  { line: /^(?:Fetching|Downloading)\b/, phase: 'download' },
  { line: /^Capturing\b/, phase: 'graph-capture' },
  { line: /^DeepGEMM\b|\bautotun/i, phase: 'compilation' },
  { line: /\b(?:shards|weights|checkpoint|pipeline components)\b/i, phase: 'weights' },
];

/** `label:  52%|█████▏    | 2.59G/4.98G [00:25<00:22, 105MB/s]`, and SGLang's `40% Completed | 2/5 [00:03<00:05, 1.7s/it]`. */
const bar =
  /^\s*(?<label>\S.*?):\s+(?<percent>\d{1,3})%(?:\|[^|]*\|| Completed \|)\s*(?<done>[\d.]+)(?<doneUnit>[kKMGT]?)i?B?\/(?<total>[\d.]+)(?<totalUnit>[kKMGT]?)i?B?\s*\[[^\],]*,\s*(?<speed>[^\]]*)\]/;

/** The progress in a line of a worker's log; `undefined` for most lines, including those of a stuck worker. */
export function loadStep(line: string): LoadProgress | undefined {
  const groups = bar.exec(line)?.groups;
  if (groups === undefined) {
    const mark = marks.find((each) => each.line.test(line));
    if (mark === undefined) return undefined;
    return { doing: 'loading', what: mark.what ?? phases[mark.phase].word, phase: mark.phase };
  }
  const { label = '', percent, done, doneUnit, total, totalUnit, speed = '' } = groups;
  const rate = /([\d.]+)([kKMGT]?)i?B\/s/.exec(speed);
  const inBytes = rate !== null || doneUnit !== '' || totalUnit !== '';
  const phase = inBytes ? 'download' : (bars.find((each) => each.line.test(label))?.phase ?? 'unknown');
  return {
    doing: phase === 'download' ? 'downloading' : 'loading',
    what: label.replace(/\s*\(bs=.*$/, '').trim(),
    phase,
    percent: Number(percent),
    ...(inBytes ? { doneBytes: inUnits(done, doneUnit), totalBytes: inUnits(total, totalUnit) } : {}),
    ...(rate === null ? {} : { bytesPerSecond: inUnits(rate[1], rate[2]) }),
  };
}

/** tqdm counts in powers of 1000. */
function inUnits(amount = '0', unit = ''): number {
  return Math.round(Number(amount) * 1000 ** ['', 'K', 'M', 'G', 'T'].indexOf(unit.toUpperCase()));
}
