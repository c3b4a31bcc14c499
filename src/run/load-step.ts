/** Reads from a line of a worker's log how far its start has got. */
import type { LoadProgress } from '../supervisor/progress.ts';

/** `label:  52%|█████▏    | 2.59G/4.98G [00:25<00:22, 105MB/s]`, and SGLang's `40% Completed | 2/5 [00:03<00:05, 1.7s/it]`. */
const bar =
  /^\s*(?<label>\S.*?):\s+(?<percent>\d{1,3})%(?:\|[^|]*\|| Completed \|)\s*(?<done>[\d.]+)(?<doneUnit>[kKMGT]?)i?B?\/(?<total>[\d.]+)(?<totalUnit>[kKMGT]?)i?B?\s*\[[^\],]*,\s*(?<speed>[^\]]*)\]/;

/** What SGLang 0.5 says between bars; each comes once. Source: recordings on H200. */
const steps: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/Init torch distributed begin/, 'connecting GPUs'],
  [/Load weight begin/, 'weights'],
  [/Load weight end/, 'weights are loaded'],
  [/KV Cache is allocated/, 'KV cache'],
  [/[Cc]apture .*(?:CUDA|cuda) graph begin/, 'CUDA graphs'],
  [/[Cc]apture .*(?:CUDA|cuda) graph end/, 'CUDA graphs are captured'],
];

/** `undefined` for a line that says nothing about it: most lines, also those of a worker that is stuck. */
export function loadStep(line: string): LoadProgress | undefined {
  const groups = bar.exec(line)?.groups;
  if (groups === undefined) {
    const step = steps.find(([pattern]) => pattern.test(line));
    return step === undefined ? undefined : { doing: 'loading', what: step[1] };
  }
  const { label = '', percent, done, doneUnit, total, totalUnit, speed = '' } = groups;
  const rate = /([\d.]+)([kKMGT]?)i?B\/s/.exec(speed);
  const what = label.replace(/\s*\(bs=.*$/, '').trim();
  const inBytes = rate !== null || doneUnit !== '' || totalUnit !== '';
  const doing = inBytes || /^(Fetching|Downloading)\b/.test(label) ? 'downloading' : 'loading';
  return {
    doing,
    what,
    percent: Number(percent),
    ...(inBytes ? { doneBytes: bytes(done, doneUnit), totalBytes: bytes(total, totalUnit) } : {}),
    ...(rate === null ? {} : { bytesPerSecond: bytes(rate[1], rate[2]) }),
  };
}

/** tqdm counts in powers of 1000. */
function bytes(amount = '0', unit = ''): number {
  return Math.round(Number(amount) * 1000 ** ['', 'K', 'M', 'G', 'T'].indexOf(unit.toUpperCase()));
}
