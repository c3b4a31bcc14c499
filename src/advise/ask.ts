/** Runs AIConfigurator and collects what it wrote; nothing of it is left afterwards, whatever happens. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Environment } from '../base/environment.ts';
import { durationText } from '../base/duration.ts';
import { DynamoError } from '../base/error.ts';
import { runCommand } from '../process/run-command.ts';
import type { FoundTool } from '../python/find-tool.ts';
import {
  type Candidate,
  candidatesIn,
  configuratorVersionIn,
  flagsVersionIn,
  type ModeOutput,
  modes,
} from './answer.ts';
import type { Source } from './deployment.ts';
import { adviseCommand, comparisonWords, type Question, supportWords } from './question.ts';
import { refusal } from './refusal.ts';

export interface Answer extends Source {
  readonly candidates: readonly Candidate[];
}

export interface Asking {
  readonly tool: FoundTool;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Abort on the first and on the second signal. */
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
  /** Gets what it is doing, as it says it. */
  readonly caption: (text: string) => void;
}

/** Throws `unavailable` without an answer: no data, too late, or an unknown failure; and the reason of `stop`. */
export async function ask(question: Question, asking: Asking): Promise<Answer> {
  const folder = await mkdtemp(join(tmpdir(), 'dynamo-advise-'));
  try {
    const { code, log } = await run(
      comparisonWords(question, join(folder, 'out')),
      { question, folder },
      asking,
    );
    const outputs = code === 0 ? await outputsIn(join(folder, 'out')) : [];
    if (outputs.length === 0) {
      const support = await run(supportWords(question), { question, folder }, asking);
      throw refusal(question, { log, support: support.log });
    }
    return {
      candidates: outputs.flatMap((output) => candidatesIn(output, question.size)),
      version: configuratorVersionIn(log),
      flagsVersion: flagsVersionIn(log),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(
  words: readonly string[],
  { question, folder }: { readonly question: Question; readonly folder: string },
  { tool, environment, clock, timeoutMs, stop, kill, caption }: Asking,
): Promise<{ code: number | undefined; log: string }> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(tooLate(question, timeoutMs)), timeoutMs);
  const lines: string[] = [];
  try {
    const { code } = await runCommand({
      argv: [tool.program, ...words],
      cwd: folder,
      environment: configuratorEnvironment(environment, folder),
      clock,
      stop: AbortSignal.any([stop, late.signal]),
      kill,
      onStart: () => {},
      onLine: (line) => {
        lines.push(line);
        const experiment = /Starting experiment: (\S+)/.exec(line)?.[1];
        if (experiment !== undefined) caption(`computing ${experiment}`);
      },
    });
    return { code, log: lines.join('\n') };
  } finally {
    clearTimeout(timer);
  }
}

function tooLate(question: Question, timeoutMs: number): DynamoError {
  return new DynamoError('unavailable', `AIConfigurator gave no answer within ${durationText(timeoutMs)}.`, {
    details: [
      'It takes about 20 s on an idle machine, and waits for the network for a model that it does not know.',
    ],
    hint: adviseCommand(question, ['--timeout', String(Math.ceil(timeoutMs / 1000) * 2)]),
    fields: { option: '--timeout' },
  });
}

/** Python packages of other environments must not be found, and temporary files go where they are removed. */
function configuratorEnvironment(environment: Environment, folder: string): Record<string, string> {
  const kept = Object.entries(environment).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !/^(PYTHONPATH|PYTHONHOME|PYTHONSTARTUP|AICONFIGURATOR_\w*)$/.test(entry[0]),
  );
  return {
    ...Object.fromEntries(kept),
    TMPDIR: folder,
    MPLCONFIGDIR: folder,
    MPLBACKEND: 'Agg',
    PYTHONWARNINGS: 'ignore',
    NO_COLOR: '1',
  };
}

/** It writes `<model>/<name>/{agg,disagg}`; the model's name may contain slashes. */
async function outputsIn(folder: string): Promise<ModeOutput[]> {
  const paths = await readdir(folder, { recursive: true }).catch(() => []);
  const tables = modes.flatMap((mode) =>
    paths.filter((path) => path.endsWith(`/${mode}/best_config_topn.csv`)).map((path) => ({ mode, path })),
  );
  return await Promise.all(
    tables.map(async ({ mode, path }) => {
      const table = await readFile(join(folder, path), 'utf8');
      const rows = table.split('\n').filter((line) => line.trim() !== '').length - 1;
      const scripts = Array.from({ length: Math.max(0, rows) }, async (_, index) => {
        const script = join(folder, path, '..', `top${index + 1}`, 'run_0.sh');
        return await readFile(script, 'utf8').catch(() => '');
      });
      return { mode, table, scripts: await Promise.all(scripts) };
    }),
  );
}
