/** Describes what was found: every item with its proof, every unowned process with the command that ends it. */
import { existsSync } from 'node:fs';
import type { Environment } from '../../base/environment.ts';
import { gibText, memoryText } from '../../base/units.ts';
import { ephemeralFolders } from '../../plan/plan.ts';
import { commandLine } from '../../process/proc.ts';
import { holdsMedia } from '../../run/stale.ts';
import { readPlan, type StoredRun } from '../../run/record.ts';
import type { CleanItem, CleanReport, LeftAlone } from '../../view/clean-report.ts';
import { durationText } from '../../base/duration.ts';
import { homePath } from '../../view/style.ts';
import { keysReport } from '../../deployment/sweep-run.ts';
import type { KnownRun } from '../../deployment/kept-runs.ts';
import type { CleanFindings, DeadRun } from '../../deployment/survey.ts';
import type { UnownedProcess } from '../../deployment/unowned-processes.ts';

export interface Cleaning {
  readonly findings: CleanFindings;
  readonly unowned: readonly UnownedProcess[];
  /** Unowned processes that the user wants ended. */
  readonly chosen: readonly UnownedProcess[];
  readonly dryRun: boolean;
  /** May contain the login of an etcd with keys of our runs. */
  readonly environment: Environment;
}

export function reportOf({ findings, unowned, chosen, dryRun, environment }: Cleaning): CleanReport {
  const kept = findings.prunable.filter(holdsMedia);
  const keys = [
    ...findings.deadRuns.map(({ run }) => keysReport(run, deathOf(run), environment)),
    ...findings.unswept.map((run) =>
      keysReport(run, `of run ${run.record.runId}, which has ended`, environment),
    ),
  ];
  return {
    dryRun,
    items: [
      ...findings.deadRuns.flatMap(itemsOf),
      ...findings.kept.flatMap(keeperItem),
      ...keys.flatMap(({ items }) => items),
      ...chosen.map((each) => unownedItem(each, findings)),
      ...findings.segments.map(({ segment, proof }): CleanItem => {
        return { kind: 'segment', what: `${segment.path} (${memoryText(segment.bytes)})`, proof };
      }),
      ...findings.stale.map(({ kind, file, proof }): CleanItem => ({ kind, what: homePath(file), proof })),
      ...findings.prunable
        .filter((run) => !kept.includes(run))
        .map(({ folder, proof }): CleanItem => ({ kind: 'run', what: homePath(folder), proof })),
    ],
    waiting: keys.flatMap(({ waiting }) => waiting),
    leftAlone: [
      ...unowned.filter((process) => !chosen.includes(process)).map((each) => leftAlone(each, findings)),
      ...findings.containers.map(({ name, state, runId }) => ({
        what: `container ${name} (${state})`,
        because: `has our label for run ${runId}, but no ledger here knows that run`,
        command: `docker rm -f ${name}`,
      })),
      ...findings.keptClaims.map(({ file, because, command }) => ({
        what: homePath(file),
        because,
        command,
      })),
      ...kept.map(({ folder }) => ({
        what: homePath(folder),
        because: 'an ended run that holds images or videos',
        command: `rm -r ${folder}`,
      })),
      ...findings.unproven.map(({ path, bytes }) => ({
        what: `${path} (${memoryText(bytes)})`,
        because: 'unused, but nothing proves who created it',
        command: `rm ${path}`,
        segment: true as const,
      })),
    ],
    unseen: findings.gpus.unseen,
  };
}

function gpuMemoryText(gpuMiB: number): string {
  return gpuMiB > 0 ? `, ${gibText(gpuMiB)} of GPU memory` : '';
}

function itemsOf({ run, processes, containers }: DeadRun): CleanItem[] {
  const proof = deathOf(run);
  const living = processes.map(({ pid, process: name, evidence, gpuMiB }): CleanItem => {
    return {
      kind: 'process',
      what: `${pid} (${commandLine(pid, 40)}${gpuMemoryText(gpuMiB)})`,
      proof: `${proof}: from ${name}, known by ${evidence}`,
    };
  });
  const plan = readPlan(run.files);
  const folders = plan === undefined ? [] : ephemeralFolders(plan).filter((folder) => existsSync(folder));
  return [
    ...living,
    ...containers.map(({ entry, state, problem, gpuMiB }): CleanItem => ({
      kind: 'container',
      what: `${entry.container} (${problem === undefined ? state : `Docker at ${entry.daemon.address}: ${problem}`}${gpuMemoryText(gpuMiB)})`,
      proof: `${proof}: from ${entry.process}, known by ledger and label`,
    })),
    ...folders.map((folder): CleanItem => ({ kind: 'folder', what: homePath(folder), proof })),
  ];
}

/** `clean` waits for it first: it is doing the same. */
function keeperItem({ record: { runId, endedAt }, keeper }: KnownRun): CleanItem[] {
  if (keeper === undefined) return [];
  const proof = `the keeper of run ${runId}, which ${endedAt === undefined ? 'is ending it now' : 'has ended'}`;
  return [{ kind: 'process', what: `${keeper.pid} (${commandLine(keeper.pid, 40)})`, proof }];
}

function deathOf({ record: { runId, supervisor } }: StoredRun): string {
  return `of run ${runId}, whose supervisor (pid ${supervisor.pid}) is dead`;
}

function unownedItem(unowned: UnownedProcess, findings: CleanFindings): CleanItem {
  const { uid, user } = unowned.facts;
  const owner = uid === process.getuid?.() ? 'you' : `ANOTHER USER, ${user}`;
  return {
    kind: 'process',
    what: describe(unowned, findings),
    proof: `requested; not from a run of yours, owned by ${owner}`,
  };
}

function leftAlone(unowned: UnownedProcess, findings: CleanFindings): LeftAlone {
  const { pid, startTime, uid, container } = unowned.facts;
  const mine = uid === process.getuid?.();
  const plain = `dynamo clean --pid ${pid}@${startTime}`;
  const command = mine || process.getuid?.() === 0 ? plain : `sudo ${plain}`;
  return {
    what: describe(unowned, findings),
    because: unowned.because,
    command: container?.stop === undefined ? command : `${container.stop}   # or: ${command}`,
  };
}

function describe({ facts, name, memory }: UnownedProcess, { gpus }: CleanFindings): string {
  const held = memory.map(({ gpuUuid, usedMiB }) => {
    const gpu = gpus.gpus.find(({ uuid }) => uuid === gpuUuid);
    return `, ${gibText(usedMiB)} on GPU ${gpu?.index ?? gpuUuid}`;
  });
  const place = facts.container === undefined ? '' : `, in container ${facts.container.id}`;
  // A command line may have more slashes.
  const what = name.replace(/^\/\S*\//, '');
  return `${facts.pid} (${facts.user}, ${what}, for ${durationText(facts.ageMs)}${held.join('')}${place})`;
}
