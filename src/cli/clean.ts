/** `dynamo clean`: ends and removes what dead runs of ours left, as their ledgers prove; tells who else holds GPUs. */
import type { Environment } from '../base/environment.ts';
import { createInterface } from 'node:readline/promises';
import { DynamoError } from '../base/error.ts';
import { workspaceOf } from '../run/folders.ts';
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
import type { Configure } from './verb.ts';

const days = keptMs / 86_400_000;

const examples = `
Examples:
  dynamo clean --dry-run          what would be ended and removed, and why each is proven ours
  dynamo clean                    do it, and wait until the GPU memory is back
  dynamo clean --all-ended        also remove logs and plans of all runs that have ended
  dynamo clean --pid 4321@98765   end a process that is not ours, exactly the one that was listed

Only what a ledger proves to be of a dead run of yours is touched unasked. Claims on names, ports and GPUs go when no
living run can hold them, damaged ones too. Ended runs stay for ${days} days.`;

interface CleanFlags {
  readonly dryRun?: true;
  readonly allEnded?: true;
  readonly pid: readonly AskedPid[];
  readonly allGpuProcesses?: true;
  readonly yes?: true;
  readonly json?: true;
}

export const configure: Configure = (command, settle, environment) => {
  command
    .option('-n, --dry-run', 'change nothing, say what would happen')
    .option('--all-ended', `prune all runs that have ended, not only those of ${days} days ago and before`)
    .option('--pid <pid>', 'also end this process, as listed (repeatable)', askedPid, [])
    .option('--all-gpu-processes', 'also end every process that holds GPU memory and is not ours')
    .option('-y, --yes', 'with --all-gpu-processes: do not ask')
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
  if (flags.allGpuProcesses === true && !dryRun && chosen.length > 0) await confirm(flags, chosen.length);
  const outcome = dryRun ? undefined : await cleanUp(workspace, findings, chosen);
  if (flags.json === true) {
    const { gpus, cuda } = findings.gpus;
    const incomplete = outcome?.incomplete.map(({ message }) => message);
    const json = { version: 1, ...report, gpus, cuda, ...outcome, incomplete };
    process.stdout.write(`${JSON.stringify(json, undefined, 2)}\n`);
  }
  if (outcome !== undefined) conclude(outcome, flags);
  return 0;
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

/** Throws `usage` where nobody can be asked, and `not-allowed` when the answer is another one. */
async function confirm({ yes }: CleanFlags, count: number): Promise<void> {
  if (yes === true) return;
  if (!process.stdin.isTTY) {
    throw new DynamoError('usage', '--all-gpu-processes asks first, and this is no terminal.', {
      hint: 'dynamo clean --all-gpu-processes --yes',
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const wanted = `end ${count}`;
  const answer = await new Promise<string>((resolve) => {
    // Ctrl-C and Ctrl-D: by version of Node, the question then fails or is never answered.
    terminal.once('close', () => resolve(''));
    const question = `Type "${wanted}" to end them all, whoever they belong to: `;
    void terminal.question(question).then(resolve, () => resolve(''));
  });
  terminal.close();
  if (answer.trim() === wanted) return;
  throw new DynamoError('not-allowed', 'That was not typed: nothing was touched.');
}

/** Throws `left-behind` for a process or GPU memory that is still there. */
function conclude({ left, memory, keys, incomplete }: CleanOutcome, { json }: CleanFlags): void {
  const lines = [...keys, ...incomplete.map(({ message, hint }) => `${message}\nfix: ${hint}`)];
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
