/** `dynamo report`: one file about a run for a bug report, which `dynamo up --from` starts again on another host. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { memoryText } from '../base/units.ts';
import { findRun, latestRun } from '../deployment/find-run.ts';
import { runProgram } from '../host/program.ts';
import { requireLinux } from '../package/platform.ts';
import { stateFolders } from '../run/folders.ts';
import { tableText } from '../view/table.ts';
import { type Part, reportParts } from './bug-report/contents.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo report --yes                 a report of the run that is up, or of the last one
  dynamo report disagg --list         only show what would be in it
  dynamo report disagg --yes --output /tmp/disagg.tar.gz

It holds the plan, versions, events, the last 2000 lines of each log, what dynamo doctor says, and nvidia-smi. Tokens, keys
and passwords are replaced by ***, and your home folder by ~. What is in it is listed first, and you are asked; look into
it before you publish it. To start the same deployment on another host: dynamo up --from FILE`;

interface ReportFlags {
  readonly output?: string;
  readonly yes?: true;
  readonly list?: true;
}

export const configure: Configure = (command, settle, environment) => {
  command
    .argument('[run]', 'name or id of a run; default: the one that is up, else the last one')
    .option('-o, --output <file>', 'where to write it; default: dynamo-report-RUN.tar.gz')
    .option('-y, --yes', 'write it without asking')
    .option('--list', 'show what would be in it, and write nothing')
    .addHelpText('after', examples)
    .action(async (asked: string | undefined, flags: ReportFlags) =>
      settle(await bugReport(asked, flags, environment)),
    );
};

async function bugReport(
  asked: string | undefined,
  flags: ReportFlags,
  environment: Environment,
): Promise<number> {
  requireLinux('report');
  const folders = stateFolders(environment);
  const run = asked === undefined ? latestRun(folders, 'report') : findRun(folders, asked);
  const { runId } = run.record;
  const parts = await reportParts(run, environment);
  const file = resolve(flags.output ?? `dynamo-report-${runId}.tar.gz`);
  process.stderr.write(`${listed(parts)}\n`);
  if (flags.list === true) return 0;
  if (flags.yes !== true && !(await agrees(file))) {
    process.stderr.write('nothing was written\n');
    return 0;
  }
  await writeTar(file, `dynamo-report-${runId}`, parts, environment);
  process.stderr.write(`the same deployment elsewhere: dynamo up --from ${file.split('/').at(-1)}\n`);
  process.stdout.write(`${file}\n`);
  return 0;
}

function listed(parts: readonly Part[]): string {
  return tableText([
    ['FILE', 'SIZE', 'SECRETS REMOVED'],
    ...parts.map(({ name, text, hidden }) => [
      name,
      memoryText(Buffer.byteLength(text)),
      hidden === 0 ? 'none found' : String(hidden),
    ]),
  ]);
}

/** Throws `usage` where nobody can be asked. */
async function agrees(file: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new DynamoError('usage', 'Nobody can be asked whether this may be written.', {
      hint: 'dynamo report --yes   # or only look: dynamo report --list',
    });
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const left = new Promise<string>((settle) => lines.once('close', () => settle('n')));
    const answer = await Promise.race([lines.question(`Write ${file}? [Y/n] `), left]);
    return /^(y|yes|)$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}

const tarMs = 120_000;

/** With the tar of this host, which every Linux has. Throws `cannot-write`. */
async function writeTar(
  file: string,
  folder: string,
  parts: readonly Part[],
  environment: Environment,
): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'dynamo-report-'));
  try {
    for (const { name, text } of parts) {
      const path = join(work, folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text, { mode: 0o600 });
    }
    const words = ['-czf', file, '-C', work, '--owner=0', '--group=0', folder];
    const ended = await runProgram({ program: 'tar', words, environment, timeoutMs: tarMs });
    if (ended?.code === 0) return;
    const why = ended === undefined ? 'there is no tar on PATH' : ended.stderr.split('\n')[0];
    throw new DynamoError('cannot-write', `${file} could not be written: ${why}.`, {
      hint: 'dynamo report --yes --output /a/folder/that/you/can/write/report.tar.gz',
      fields: { file },
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
