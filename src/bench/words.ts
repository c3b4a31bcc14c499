/** Sentences of a report that a terminal and a page share: what was loaded, how, and that it is simulated. */
import { countText } from '../base/units.ts';
import { percentText } from './comparison.ts';
import type { ArmResult, BenchResult } from './result.ts';
import type { TokenRange } from './workload.ts';

export function simulatedEngines({ arms }: Pick<BenchResult, 'arms'>): string[] {
  return [...new Set(arms.filter(({ simulated }) => simulated).map(({ engine, short }) => engine ?? short))];
}

export function simulatedText(engines: readonly string[]): string {
  const verb = engines.length === 1 ? 'computes' : 'compute';
  return `SIMULATED: ${engines.join(' and ')} ${verb} nothing. These figures say nothing about a model or a GPU.`;
}

/** `sglang, 1 prefill, 2 decode, 3 GPUs, Qwen/Qwen3-0.6B` */
export function armText({ engine, workers, gpus, gpuNames, model, simulated }: ArmResult): string {
  const names = [...new Set(gpuNames)].join(', ');
  const hardware =
    gpus === undefined
      ? ''
      : `${simulated ? 'for ' : ''}${countText(gpus, 'GPU')}${names === '' ? '' : ` (${names})`}`;
  return [engine ?? '', workers, hardware, model].filter((part) => part !== '').join(', ');
}

export function loadText({ load, arms }: BenchResult): string {
  const rounds = load.rounds === 1 ? 'one round' : `${load.rounds} rounds, medians of them`;
  const shape =
    load.trace === undefined
      ? `${tokensText(load.isl)} tokens in, ${tokensText(load.osl)} out${load.prefixShare > 0 ? `, ${percentText(load.prefixShare)} of each prompt shared` : ''}`
      : `trace ${load.trace}`;
  const starts = arms.length > 1 ? startsText : soleStartsText;
  return `${shape}; ${rounds}; ${starts[load.starts] ?? load.starts}${load.with === 'dynamo' ? '' : `; with ${load.with}`}`;
}

const startsText: Readonly<Record<string, string>> = {
  'per-round': 'started afresh in every round, in random order',
  together: 'all up at the same time, loaded in random order',
  'in-turn': 'started once, one after the other',
  none: 'started by somebody else',
};

const soleStartsText: typeof startsText = {
  'per-round': 'started afresh in every round',
  together: 'started once',
  'in-turn': 'started once',
  none: 'started by somebody else',
};

function tokensText({ low, high }: TokenRange): string {
  return low === high ? String(low) : `${low}–${high}`;
}
