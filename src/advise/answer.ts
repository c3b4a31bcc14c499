/** Reads what AIConfigurator answered: its tables of configurations, and the flags that it generates for each. */
import { DynamoError } from '../base/error.ts';
import type { Size } from './question.ts';

export const modes = ['agg', 'disagg'] as const;
export type Mode = (typeof modes)[number];
export type RoleName = 'worker' | 'prefill' | 'decode';

/** The workers of one role in one replica of a deployment. */
export interface Role {
  readonly name: RoleName;
  readonly workers: number;
  readonly gpusPerWorker: number;
  readonly tensorParallel: number;
  readonly pipelineParallel: number;
  /** Data-parallel attention. */
  readonly dataParallel: number;
  readonly contextParallel: number;
  readonly expertParallel: number;
  /** That it predicts for each GPU. */
  readonly memoryGiB: number;
  /** Engine flags that it generates, with their values. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
}

/** What it predicts for a whole deployment, except `requestMs` and the figures for one GPU or user. */
export interface Figures {
  readonly tokensPerSecondPerGpu: number;
  readonly tokensPerSecondPerUser: number;
  readonly ttftMs: number;
  readonly itlMs: number;
  readonly requestMs: number;
  readonly requestsPerSecond: number;
  /** Requests at the same time at which these figures hold. */
  readonly concurrency: number;
}

export interface Candidate {
  readonly mode: Mode;
  readonly roles: readonly Role[];
  /** How often the smallest unit is repeated. */
  readonly replicas: number;
  readonly gpus: number;
  readonly figures: Figures;
  /** Version of SGLang whose measurements it computed with. */
  readonly dataVersion: string;
  /** Workers that this program knows nothing of. */
  readonly encoders: number;
}

/** `scripts`: what it generated for the rows, in their order. */
export interface ModeOutput {
  readonly mode: Mode;
  readonly table: string;
  readonly scripts: readonly string[];
}

/** Best first, as AIConfigurator ranks them. Throws `unavailable` for a table without the columns of 0.12.0. */
export function candidatesIn({ mode, table, scripts }: ModeOutput, size: Size): Candidate[] {
  const [heading = [], ...lines] = csvRows(table);
  return lines.map((cells, index) =>
    candidateOf(rowReader(heading, cells), mode, scripts[index] ?? '', size),
  );
}

interface Row {
  number(column: string, fallback?: number): number;
  text(column: string): string;
}

function rowReader(heading: readonly string[], cells: readonly string[]): Row {
  const text = (column: string): string => cells[heading.indexOf(column)] ?? '';
  return {
    text,
    number: (column, fallback) => {
      const cell = text(column);
      if (cell === '' && fallback !== undefined) return fallback;
      const value = Number(cell);
      if (cell !== '' && Number.isFinite(value)) return value;
      throw new DynamoError(
        'unavailable',
        `AIConfigurator's table has ${JSON.stringify(cell)} in its column ${column}; 0.12.0 has a number there.`,
        {
          hint: 'dynamo setup --tool aiconfigurator   # then take any other one off PATH',
          fields: { asked: column },
        },
      );
    },
  };
}

function candidateOf(row: Row, mode: Mode, script: string, size: Size): Candidate {
  const flags = flagsByRole(script);
  const roles =
    mode === 'agg'
      ? [roleOf(row, { name: 'worker', prefix: '', workers: 1 }, flags)]
      : (['prefill', 'decode'] as const).map((name) => {
          const prefix = name === 'prefill' ? '(p)' : '(d)';
          return roleOf(row, { name, prefix, workers: row.number(`${prefix}workers`) }, flags);
        });
  const gpusPerReplica = row.number('num_total_gpus');
  const replicas =
    size.kind === 'gpus' ? Math.floor(size.gpus / gpusPerReplica) : row.number('replicas_needed');
  return {
    mode,
    roles,
    replicas,
    gpus: replicas * gpusPerReplica,
    figures: {
      tokensPerSecondPerGpu: row.number('tokens/s/gpu'),
      tokensPerSecondPerUser: row.number('tokens/s/user'),
      ttftMs: row.number('ttft'),
      itlMs: row.number('tpot'),
      requestMs: row.number('request_latency'),
      requestsPerSecond: row.number('seq/s') * replicas,
      concurrency: row.number('concurrency') * replicas,
    },
    dataVersion: row.text(mode === 'agg' ? 'version' : '(d)version'),
    encoders: row.number('(e)workers', 0),
  };
}

function roleOf(
  row: Row,
  { name, prefix, workers }: { readonly name: RoleName; readonly prefix: string; readonly workers: number },
  flags: ReadonlyMap<RoleName, Role['flags']>,
): Role {
  const [tensorParallel, pipelineParallel, dataParallel, contextParallel] = [
    row.number(`${prefix}tp`),
    row.number(`${prefix}pp`),
    row.number(`${prefix}dp`),
    // Only prefill and aggregated workers have it.
    row.number(`${prefix}cp`, 1),
  ];
  return {
    name,
    workers,
    gpusPerWorker: tensorParallel * pipelineParallel * dataParallel * contextParallel,
    tensorParallel,
    pipelineParallel,
    dataParallel,
    contextParallel,
    expertParallel: row.number(`${prefix}moe_ep`, 1),
    memoryGiB: row.number(`${prefix}memory`),
    flags: flags.get(name) ?? new Map(),
  };
}

/** From its `run_0.sh`, in which the flags of a worker stand on one line. */
function flagsByRole(script: string): Map<RoleName, Map<string, string[]>> {
  const lines = script.split('\n').filter((line) => line.includes('--tensor-parallel-size'));
  return new Map(
    lines.map((line) => {
      const flags = flagsIn(line);
      const mode = flags.get('--disaggregation-mode')?.[0];
      return [mode === 'prefill' || mode === 'decode' ? mode : 'worker', flags];
    }),
  );
}

function flagsIn(line: string): Map<string, string[]> {
  const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|[^\s"'\\]+/g)].map(
    ([word, double, single]) => double ?? single ?? word,
  );
  const flags = new Map<string, string[]>();
  let values: string[] = [];
  for (const word of words) {
    if (word.startsWith('--')) flags.set(word, (values = []));
    else values.push(word);
  }
  return flags;
}

/** Cells may be quoted, since a model's path may contain a comma. */
function csvRows(text: string): string[][] {
  return text
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .map((line) =>
      [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
        ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
      ),
    );
}

/** For which version of SGLang it generated the flags, from its log. */
export function flagsVersionIn(log: string): string | undefined {
  return /Defaulting to backend version from dynamo \S+: \(sglang\)(\S+)/.exec(log)?.[1];
}

/** From the first lines of its log. */
export function configuratorVersionIn(log: string): string | undefined {
  return /Loading AIConfigurator version: (\S+)/.exec(log)?.[1];
}
