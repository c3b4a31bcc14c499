/** The charts of the page: which samples each draws, and in which unit. Pure. */
import { memoryText } from '../base/units.ts';
import { latencyText, numberText, percentText } from './format.ts';
import type { RunDetail, Sample } from './messages.ts';
import { roleOf } from './wiring.ts';

export interface Line {
  /** Of a sample. */
  readonly name: string;
  readonly label: string;
  /** A custom property of style/theme.css. */
  readonly colour: string;
  readonly dashed?: boolean;
}

export interface Chart {
  readonly id: string;
  readonly title: string;
  /** In words, what is drawn. */
  readonly about: string;
  readonly lines: readonly Line[];
  readonly text: (value: number) => string;
  /** The axis reaches to this at least. */
  readonly least?: number;
}

export type Grouping = 'role' | 'worker';

const ms = (value: number): string => latencyText(value / 1000);
const share = (value: number): string => percentText(value);
const percent = (value: number): string => `${numberText(value)}%`;
const perSecond = (value: number): string => `${numberText(value)}/s`;

const spread = (name: string): Line[] => [
  { name: `${name}.p50`, label: 'p50', colour: '--hue-5' },
  { name: `${name}.p95`, label: 'p95', colour: '--hue-2' },
  { name: `${name}.p99`, label: 'p99', colour: '--hue-1' },
];

/** Those of all charts, also of those without anything to draw. */
export function chartsOf({ processes }: Pick<RunDetail, 'processes'>, grouping: Grouping): readonly Chart[] {
  const names = processes.map(({ name }) => name);
  const workers = processes.filter(({ kind }) => kind === 'worker');
  const roles = [...new Set(workers.map((each) => each.mode ?? each.component))];
  const hue = (process: string): string => `--hue-${names.indexOf(process) % 8}`;
  const byWorker = (value: string): Line[] =>
    workers.map(({ name }) => ({ name: `process/${name}/${value}`, label: name, colour: hue(name) }));
  const grouped = (value: string): Line[] =>
    grouping === 'worker'
      ? byWorker(value)
      : roles.map((role) => ({
          name: `role/${role}/${value}`,
          label: role,
          colour: hue(workers.find((each) => (each.mode ?? each.component) === role)?.name ?? ''),
        }));
  const byProcess = (value: string): Line[] =>
    names.map((name) => ({ name: `process/${name}/${value}`, label: name, colour: hue(name) }));
  const sender = workers.some((each) => roleOf(each) === 'prefill') ? 'prefill' : 'decode';
  return [
    {
      id: 'ttft',
      title: 'Time to first token',
      about: 'percentiles over 10 s',
      lines: spread('ttft'),
      text: ms,
    },
    {
      id: 'itl',
      title: 'Inter-token latency',
      about: 'percentiles over 10 s',
      lines: spread('itl'),
      text: ms,
    },
    {
      id: 'requests',
      title: 'Requests',
      about: 'answered, and failed within 10 s',
      lines: [
        { name: 'requests', label: 'per second', colour: '--hue-5' },
        { name: 'errors', label: 'errors', colour: '--bad' },
      ],
      text: numberText,
    },
    {
      id: 'tokens',
      title: 'Tokens per second',
      about: 'of answers and of prompts',
      lines: [
        { name: 'outputTokens', label: 'out', colour: '--hue-7' },
        { name: 'inputTokens', label: 'in', colour: '--hue-0' },
      ],
      text: perSecond,
    },
    {
      id: 'load',
      title: 'In flight and queued',
      about: 'at the frontend; queued: without a first token',
      lines: [
        { name: 'inFlight', label: 'in flight', colour: '--hue-5' },
        { name: 'queued', label: 'queued', colour: '--hue-1' },
      ],
      text: numberText,
      least: 1,
    },
    {
      id: 'worker-load',
      title: `In flight by ${grouping}`,
      about: 'received and not finished',
      lines: grouped('inFlight'),
      text: numberText,
      least: 1,
    },
    {
      id: 'running',
      title: 'Running',
      about: 'in a batch of the engine',
      lines: grouped('running'),
      text: numberText,
      least: 1,
    },
    {
      id: 'worker-queue',
      title: `Queued by ${grouping}`,
      about: 'not in a batch yet',
      lines: grouped('queued'),
      text: numberText,
      least: 1,
    },
    {
      id: 'kv',
      title: 'KV cache used',
      about: 'share of the blocks; of a role, the fullest',
      lines: grouped('kvUsage'),
      text: share,
    },
    {
      id: 'hits',
      title: 'Prefix cache',
      about: 'share of a prompt that was cached',
      lines: [
        { name: 'hitRate', label: 'router expects', colour: '--hue-0' },
        { name: 'cachedShare', label: 'engine reused', colour: '--hue-7' },
      ],
      text: share,
    },
    {
      id: 'transfer',
      title: 'KV transfer',
      about: 'from prefill to decode, over 10 s',
      lines: spread(`role/${sender}/transfer`),
      text: ms,
    },
    {
      id: 'transfer-speed',
      title: 'KV transfer speed',
      about: 'mean over 10 s',
      lines: [{ name: `role/${sender}/transferSpeed`, label: 'GB/s', colour: '--kv' }],
      text: (value) => `${numberText(value)} GB/s`,
    },
    {
      id: 'transfer-queues',
      title: 'Queues between prefill and decode',
      about: 'requests that wait, in this order',
      lines: [
        { name: 'role/prefill/bootstrapQueue', label: 'for a partner', colour: '--hue-1' },
        { name: 'role/decode/preallocationQueue', label: 'for space', colour: '--hue-2' },
        { name: 'role/prefill/sendQueue', label: 'to be sent', colour: '--hue-5' },
        { name: 'role/decode/receiveQueue', label: 'to be received', colour: '--hue-7' },
      ],
      text: numberText,
      least: 1,
    },
    {
      id: 'gpu',
      title: 'GPU use',
      about: 'of the busiest GPU of each',
      lines: grouped('gpuUse'),
      text: percent,
    },
    {
      id: 'gpu-memory',
      title: 'GPU memory',
      about: 'held by each, with child processes',
      lines: grouped('gpuMemory'),
      text: memoryText,
    },
    { id: 'cpu', title: 'CPU', about: 'of one core', lines: byProcess('cpu'), text: percent },
    {
      id: 'memory',
      title: 'Memory',
      about: 'shared pages are divided',
      lines: byProcess('memory'),
      text: memoryText,
    },
  ];
}

/** Without the lines that no sample has: absent series are normal until the first request, and are never drawn as 0. */
export function known(chart: Chart, samples: readonly Sample[]): Chart {
  const seen = chart.lines.filter(({ name }) => samples.some(({ values }) => values[name] !== undefined));
  return { ...chart, lines: seen };
}
