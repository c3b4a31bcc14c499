/** `dynamo clean`: ends and removes what dead runs left behind, as their ledgers prove; lists who else uses the GPUs. */
import type { Environment } from '../base/environment.ts';
import { createInterface } from 'node:readline/promises';
import { DynamoError } from '../base/error.ts';
import { type Workspace, workspaceOf } from '../run/folders.ts';
import { keptMs } from '../run/stale.ts';
import { cleanText } from '../view/clean-report.ts';
import { type CleanOutcome, cleanUp } from '../deployment/clean-up.ts';
import { reportOf } from './clean/report.ts';
import { type CleanFindings, surveyAll } from '../deployment/survey.ts';
import {
  type AskedPid,
  askedPid,
  unownedOnGpus,
  type UnownedProcess,
  unownedOf,
  unownedIn,
} from '../deployment/unowned-processes.ts';
import { leftBehindError } from '../deployment/failure-error.ts';
import { returnText } from '../deployment/freed-gpus.ts';
import { requireLinux } from '../package/platform.ts';
import type { KernelCacheFolder, Question } from './clean/caches.ts';
import type { Configure } from './verb.ts';

const days = keptMs / 86_400_000;

const examples = `
Examples:
  dynamo clean --dry-run          show what would be removed, and the proof that it is yours
  dynamo clean                    remove it, and wait until the GPU memory is free
  dynamo clean --all-ended        also remove logs and plans of all ended runs
  dynamo clean --caches           remove compiled kernels: the next start takes longer
  dynamo clean --pid 4321@98765   also end one process from the list that no run of yours started

Without --pid and --all-gpu-processes, only what a ledger proves to belong to a dead run of yours is touched. Claims on
names, ports and GPUs, even damaged ones, are removed when no live run can hold them. Ended runs are kept for ${days} days.`;

interface CleanFlags {
  readonly dryRun?: true;
  readonly allEnded?: true;
  readonly pid: readonly AskedPid[];
  readonly allGpuProcesses?: true;
  readonly caches?: true;
  readonly yes?: true;
  readonly json?: true;
}

export const configure: Configure = (command, settle, environment) => {
  command
    .option('-n, --dry-run', 'show what would be done, change nothing')
    .option('--all-ended', `remove all ended runs, not only those older than ${days} days`)
    .option('--pid <pid>', 'also end this process, written as listed (repeatable)', askedPid, [])
    .option(
      '--all-gpu-processes',
      'also end every process that uses GPU memory and belongs to no run of yours',
    )
    .option('--caches', 'also remove compiled kernels, which make starts faster; those of live runs stay')
    .option('-y, --yes', 'with --all-gpu-processes and --caches: do not ask for confirmation')
    .option('--json', 'as JSON on stdout')
    .addHelpText('after', examples)
    .action(async (flags: CleanFlags) => settle(await clean(flags, environment)));
};

async function clean(flags: CleanFlags, environment: Environment): Promise<number> {
  requireLinux('clean');
  const workspace = workspaceOf(environment);
  const dryRun = flags.dryRun === true;
  const findings = await surveyAll(workspace, flags.allEnded === true ? 0 : keptMs);
  const unowned = unownedIn(findings);
  const chosen = choose(flags, unowned, findings);
  const report = reportOf({ findings, unowned, chosen, dryRun, environment: workspace.environment });
  if (flags.json !== true) process.stdout.write(cleanText(report));
  if (flags.allGpuProcesses === true && !dryRun && chosen.length > 0) {
    const wanted = `end ${chosen.length}`;
    await confirm(flags, {
      option: '--all-gpu-processes',
      wanted,
      question: `Type "${wanted}" to end all of them, including those of other users: `,
    });
  }
  const caches = flags.caches === true ? await cleanCaches(flags, workspace) : undefined;
  const outcome = dryRun ? undefined : await cleanUp(workspace, findings, chosen);
  if (flags.json === true) {
    const { gpus, cuda } = findings.gpus;
    const incomplete = outcome?.incomplete.map(({ message }) => message);
    const json = { version: 1, ...report, gpus, cuda, ...outcome, incomplete, ...caches };
    process.stdout.write(`${JSON.stringify(json, undefined, 2)}\n`);
  }
  if (outcome !== undefined) conclude(outcome, flags);
  return 0;
}

/** What is removed, for JSON. */
async function cleanCaches(
  flags: CleanFlags,
  { folders, environment }: Workspace,
): Promise<{ readonly caches: readonly KernelCacheFolder[] }> {
  const { cachesText, kernelCachesHere, removeCaches } = await import('./clean/caches.ts');
  const found = kernelCachesHere(environment, folders);
  if (flags.json !== true) process.stdout.write(cachesText(found, flags.dryRun === true));
  if (flags.dryRun === true) return { caches: found };
  return { caches: await removeCaches(found, async (question) => await confirm(flags, question)) };
}

function choose(
  flags: CleanFlags,
  unowned: readonly UnownedProcess[],
  findings: CleanFindings,
): readonly UnownedProcess[] {
  const asked = flags.pid.map((pid) => unownedOf(pid, unowned, findings));
  const all = flags.allGpuProcesses === true ? unownedOnGpus(unowned) : [];
  return [...new Set([...asked, ...all])];
}

/** Throws `usage` without a terminal, and `not-allowed` for any other answer. */
async function confirm({ yes }: CleanFlags, { option, wanted, question }: Question): Promise<void> {
  if (yes === true) return;
  if (!process.stdin.isTTY) {
    throw new DynamoError('usage', `${option} asks for confirmation, and stdin is not a terminal.`, {
      hint: option === '--caches' ? 'dynamo clean --caches --yes' : 'dynamo clean --all-gpu-processes --yes',
      fields: { option },
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await new Promise<string>((resolve) => {
    // On Ctrl-C and Ctrl-D, the question fails or is never answered, depending on the version of Node.
    terminal.once('close', () => resolve(''));
    void terminal.question(question).then(resolve, () => resolve(''));
  });
  terminal.close();
  if (answer.trim() === wanted) return;
  throw new DynamoError('not-allowed', 'Not confirmed: nothing was changed.');
}

/** Throws `left-behind` for a process or GPU memory that is still there. */
function conclude({ left, memory, keys, incomplete, overdue }: CleanOutcome, { json }: CleanFlags): void {
  const lines = [...overdue, ...keys, ...incomplete.map(({ message, hint }) => `${message}\nfix: ${hint}`)];
  if (json !== true) for (const line of lines) process.stdout.write(`${line}\n`);
  if (left.length > 0) throw leftBehindError(left);
  const text = returnText(memory);
  if (memory.missing.length > 0) {
    throw new DynamoError('left-behind', text ?? '', {
      hint: 'nvidia-smi   # a driver that hangs needs a reset',
    });
  }
  if (json !== true && text !== undefined) process.stdout.write(`${text}\n`);
}
