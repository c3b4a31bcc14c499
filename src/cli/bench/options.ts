/** The options of `bench`, and the load and the limits that they describe. */
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { messageOf } from '../../base/error-code.ts';
import { DynamoError } from '../../base/error.ts';
import { type Condition, parseCondition, parseSlo } from '../../bench/conditions.ts';
import type { Slo } from '../../bench/figures.ts';
import { parseTrace } from '../../bench/trace.ts';
import type { Load, Point, TokenRange } from '../../bench/workload.ts';
import { wholeNumber } from '../flag-values.ts';
import { type DeploymentFlags, seconds } from '../up/deployment-options.ts';
import type { Starts } from './session.ts';

export interface BenchFlags extends DeploymentFlags {
  readonly vs: readonly string[];
  readonly url?: string;
  readonly run?: string;
  readonly concurrency?: readonly number[];
  readonly rate?: readonly number[];
  readonly trace?: string;
  readonly isl: TokenRange;
  readonly osl: TokenRange;
  readonly prefixShare: number;
  readonly prefixes: number;
  readonly requests?: number;
  readonly duration?: number;
  readonly warmup?: number;
  readonly seed: number;
  readonly rounds?: number;
  readonly starts?: Starts;
  readonly slo?: Slo;
  readonly threshold: number;
  readonly with: 'dynamo' | 'aiperf';
  readonly gpuCount?: number;
  readonly requestTimeout: number;
  readonly pointTimeout: number;
  readonly failIf: readonly Condition[];
  readonly baseline?: string;
  readonly tolerance: number;
  readonly json?: true;
  readonly save?: string;
  readonly csv?: string;
  readonly html?: string;
  readonly junit?: string;
  readonly quiet?: true;
}

export function addBenchOptions(command: Command): Command {
  return command
    .option(
      '--vs <arm>',
      'compare with this profile; in quotes with options of its own (repeatable)',
      listed,
      [],
    )
    .option('--url <url>', 'load this deployment instead of starting one')
    .option('--run <run>', 'load this run, which is up, by name or id')
    .option(
      '--concurrency <list>',
      'requests at a time, such as 1,4,16 (the default)',
      counts('--concurrency'),
    )
    .option('--rate <list>', 'requests per second instead, with random arrivals, such as 2,8', rates)
    .option('--trace <file>', 'replay a trace instead: JSON lines in the format of Mooncake')
    .addOption(
      new Option('--isl <tokens>', 'prompt length in tokens, or evenly spread: 500-1500')
        .argParser(tokens('--isl'))
        .default({ low: 1000, high: 1000 }, '1000'),
    )
    .addOption(
      new Option('--osl <tokens>', 'answer length in tokens, or evenly spread: 64-192')
        .argParser(tokens('--osl'))
        .default({ low: 128, high: 128 }, '128'),
    )
    .option(
      '--prefix-share <share>',
      'part of each prompt that others have too, 0 to 1',
      share('--prefix-share'),
      0,
    )
    .option('--prefixes <number>', 'how many different common beginnings there are', count('--prefixes'), 1)
    .option(
      '--requests <number>',
      'requests at each point; default: 10 per user, at least 30',
      count('--requests'),
    )
    .option('--duration <seconds>', 'send requests for so long at each point', seconds('--duration'))
    .option(
      '--warmup <number>',
      'requests before each point that do not count; default: one per user',
      whole('--warmup'),
    )
    .option('--seed <number>', 'chooses prompts, arrivals and order', whole('--seed'), 1)
    .option('--rounds <number>', 'how often everything is measured; default: 3', count('--rounds'))
    .addOption(
      new Option(
        '--starts <how>',
        'start every arm in each round (default), or once: all together, or in turn',
      ).choices(['per-round', 'together', 'in-turn']),
    )
    .option('--slo <limits>', 'count requests within limits as goodput: ttft=200ms,itl=20ms', parseSlo)
    .addOption(
      new Option('--threshold <percent>', 'smaller differences do not count')
        .argParser(percent('--threshold'))
        .default(0.05, '5%'),
    )
    .addOption(
      new Option('--with <generator>', 'what sends the requests')
        .choices(['dynamo', 'aiperf'])
        .default('dynamo'),
    )
    .option('--gpu-count <number>', 'GPUs behind --url, for figures per GPU', count('--gpu-count'))
    .option('--request-timeout <seconds>', 'time limit for one request', seconds('--request-timeout'), 300)
    .option(
      '--point-timeout <seconds>',
      'a point sends no request after this',
      seconds('--point-timeout'),
      900,
    )
    .option(
      '--fail-if <condition>',
      "exit with 1 if it holds anywhere: 'ttft.p95 > 300ms' (repeatable)",
      condition,
      [],
    )
    .option('--baseline <file>', 'exit with 1 if a figure is worse than in this result of --json')
    .addOption(
      new Option('--tolerance <percent>', 'how much worse than the baseline is allowed')
        .argParser(percent('--tolerance'))
        .default(0.1, '10%'),
    )
    .option('--json', 'print the result as JSON')
    .option('--save <file>', 'write the result as JSON')
    .option('--csv <file>', 'write the figures as CSV')
    .option('--html <file>', 'write a report with plots, in one file')
    .option('--junit <file>', 'write the checks as JUnit XML')
    .option('-q, --quiet', 'no progress, only the result');
}

/** Throws `usage` for options that exclude each other, or a trace that cannot be read. */
export function loadOf(flags: BenchFlags): Load {
  const ways = [
    flags.concurrency && '--concurrency',
    flags.rate && '--rate',
    flags.trace && '--trace',
  ].filter((way) => way !== undefined);
  if (ways.length > 1) {
    throw new DynamoError('usage', `${ways.join(' and ')} are different ways to apply a load.`, {
      hint: `use one of them: dynamo bench agg --concurrency 1,4,16`,
      fields: { option: ways.join(' ') },
    });
  }
  return {
    points: pointsOf(flags),
    isl: flags.isl,
    osl: flags.osl,
    prefixShare: flags.prefixShare,
    prefixes: flags.prefixes,
    trace: flags.trace === undefined ? [] : parseTrace(readText('--trace', flags.trace), flags.trace),
    requests: flags.requests,
    durationMs: flags.duration === undefined ? undefined : flags.duration * 1000,
    seed: flags.seed,
  };
}

function pointsOf({ concurrency = [1, 4, 16], rate, trace }: BenchFlags): Point[] {
  if (trace !== undefined) return [{ kind: 'trace' }];
  if (rate !== undefined) return rate.map((value) => ({ kind: 'rate', value }));
  return concurrency.map((value) => ({ kind: 'concurrency', value }));
}

/** Throws `usage`. */
export function readText(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new DynamoError('usage', `${option} ${file} cannot be read: ${messageOf(cause)}.`, {
      cause,
      hint: `ls -l ${file}`,
      fields: { option, file },
    });
  }
}

function bad(flag: string, seen: string, wanted: string): DynamoError<'usage'> {
  return new DynamoError('usage', `${flag} ${JSON.stringify(seen)}: ${wanted}.`, {
    hint: 'dynamo bench --help',
    fields: { option: flag, asked: seen },
  });
}

const most = 1_000_000;

function whole(flag: string, lowest = 0): (text: string) => number {
  return (text) => {
    const value = wholeNumber(text, lowest, most);
    if (value !== undefined) return value;
    throw bad(flag, text, `expected a whole number from ${lowest} to ${most}`);
  };
}

function count(flag: string): (text: string) => number {
  return whole(flag, 1);
}

function counts(flag: string): (text: string) => number[] {
  return (text) =>
    unique(
      flag,
      text,
      text.split(',').map((part) => wholeNumber(part.trim(), 1, 100_000)),
    );
}

function rates(text: string): number[] {
  return unique(
    '--rate',
    text,
    text.split(',').map((part) => {
      const value = /^\s*\d+(\.\d+)?\s*$/.test(part) ? Number(part) : Number.NaN;
      return value > 0 && value <= 100_000 ? value : undefined;
    }),
  );
}

function unique(flag: string, text: string, values: readonly (number | undefined)[]): number[] {
  const good = values.filter((value) => value !== undefined);
  if (good.length === values.length && new Set(good).size === good.length) return good;
  throw bad(flag, text, 'expected different numbers above zero, such as 1,4,16');
}

function tokens(flag: string): (text: string) => TokenRange {
  return (text) => {
    const [low, high = low] = text.split('-').map((part) => wholeNumber(part, 1, most));
    if (low !== undefined && high !== undefined && low <= high && text.split('-').length <= 2)
      return { low, high };
    throw bad(flag, text, 'expected a number of tokens, or a range such as 500-1500');
  };
}

function share(flag: string): (text: string) => number {
  return (text) => {
    const value = /^(0|1|0?\.\d+)$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isNaN(value)) return value;
    throw bad(flag, text, 'expected a number from 0 to 1');
  };
}

function percent(flag: string): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?\s*%?$/.test(text) ? Number.parseFloat(text) / 100 : Number.NaN;
    if (value <= 10) return value;
    throw bad(flag, text, 'expected a percentage such as 5%');
  };
}

function listed(text: string, before: readonly string[]): string[] {
  return [...before, text];
}

function condition(text: string, before: readonly Condition[]): Condition[] {
  return [...before, parseCondition(text)];
}
