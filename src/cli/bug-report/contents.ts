/** What a report holds: everything about one run that helps to find a fault, with all secrets taken out. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir, release, type } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../../base/environment.ts';
import { textOf } from '../../base/logs.ts';
import { redact } from '../../base/secrets.ts';
import { redactor } from '../../doctor/run-checks.ts';
import { failureLines, failureSoFar } from '../../deployment/failure-error.ts';
import { parseRequest, requestFile, requestNow } from '../../deployment/run-request.ts';
import { runProgram } from '../../host/program.ts';
import { ownCommand } from '../../package/self.ts';
import { version } from '../../package/version.ts';
import type { Plan } from '../../plan/plan.ts';
import { logTail } from '../../run/log-file.ts';
import { readEvents, readPlan, type StoredRun } from '../../run/record.ts';
import type { Failure } from '../../supervisor/events.ts';

export interface Part {
  readonly name: string;
  readonly text: string;
  /** How many secrets were taken out, here or when the run was recorded. */
  readonly hidden: number;
}

/** A log of a week has gigabytes; what ended a run stands at its end. */
const shownLines = 2_000;
const doctorMs = 90_000;
const gpuMs = 15_000;

export async function reportParts(
  { record, files, supervised }: StoredRun,
  environment: Environment,
): Promise<readonly Part[]> {
  const clean = redactor(environment);
  const part = (name: string, text: string): Part[] => {
    if (text === '') return [];
    const shown = redact(clean(text));
    // A folder says who somebody is.
    const home = homedir();
    const without = home === '/' ? shown : shown.replaceAll(home, '~');
    return [{ name, text: without, hidden: shown.split('***').length - 1 }];
  };
  const failure = readEvents(files).reduce<Failure | undefined>(failureSoFar, undefined);
  const [doctor, gpus, system] = await Promise.all([
    output([...ownCommand(), 'doctor'], environment, doctorMs),
    output(['nvidia-smi'], environment, gpuMs),
    output(['uname', '-a'], environment, gpuMs),
  ]);
  const about = [
    `run         ${record.runId}${supervised ? ', up' : ''}`,
    `dynamo      ${version}, the run was started by ${record.version}`,
    `node        ${process.versions.node}`,
    `system      ${type()} ${release()} ${process.arch}`,
    `started     ${new Date(record.startedAt).toISOString()}`,
    ...(record.endedAt === undefined ? [] : [`ended       ${new Date(record.endedAt).toISOString()}`]),
    ...packagesOf(contentOf(requestFile(files.folder))),
    ...(failure === undefined ? [] : ['', ...failureLines(failure)]),
    '',
    system,
  ];
  return [
    ...part('about.txt', `${about.join('\n')}\n`),
    ...part('request.json', requestOf(contentOf(requestFile(files.folder)), readPlan(files))),
    ...part('plan.json', contentOf(files.plan)),
    ...part('events.jsonl', contentOf(files.events)),
    ...part('supervisor.log', contentOf(files.supervisorLog)),
    ...part('doctor.txt', doctor),
    ...part('nvidia-smi.txt', gpus),
    ...logsIn(files.logs).flatMap((name) =>
      part(`logs/${name}`, textOf(logTail(join(files.logs, name), shownLines).lines)),
    ),
  ];
}

/** As it is now, so that `up --from` starts the same. */
function requestOf(text: string, plan: Plan | undefined): string {
  try {
    if (plan === undefined) return text;
    return `${JSON.stringify(requestNow(parseRequest(text, 'request.json'), plan), undefined, 2)}\n`;
  } catch {
    return text;
  }
}

function packagesOf(request: string): string[] {
  try {
    const { startedOn } = parseRequest(request, 'request.json');
    const { engine, packages, gpus, model } = startedOn;
    const words = Object.entries(packages).map(([name, value]) => `${name} ${value}`);
    return [
      `engine      ${engine}${words.length === 0 ? '' : `: ${words.join(', ')}`}`,
      `model       ${model}`,
      `GPUs        ${gpus.length === 0 ? 'none' : gpus.map(({ name }) => name).join(', ')}`,
    ];
  } catch {
    return [];
  }
}

/** Empty if there is none, or it is no file. */
function contentOf(file: string): string {
  try {
    return statSync(file).isFile() ? readFileSync(file, 'utf8') : '';
  } catch {
    return '';
  }
}

function logsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.log'))
      .toSorted();
  } catch {
    return [];
  }
}

/** Both streams; a word instead where it could not be had. */
async function output(argv: readonly string[], environment: Environment, timeoutMs: number): Promise<string> {
  const [program = '', ...words] = argv;
  try {
    const ended = await runProgram({
      program,
      words,
      environment: { ...environment, NO_COLOR: '1' },
      timeoutMs,
    });
    return ended === undefined ? `there is no ${program}\n` : `${ended.stdout}\n${ended.stderr}`.trim();
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n`;
  }
}
