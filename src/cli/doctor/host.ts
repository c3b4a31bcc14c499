/** The real host as the doctor sees it, put together from the other rooms, and what the state folder says of runs. */
import { homedir } from 'node:os';
import { basename } from 'node:path';
import type { Environment } from '../../base/environment.ts';
import { systemClock } from '../../base/clock.ts';
import { autoEngines, findEngine } from '../../engine/engines.ts';
import type { HostView, RunFacts, Segment, StateFacts, Subject } from '../../doctor/host-view.ts';
import { localFiles, localNetwork } from '../../doctor/local-host.ts';
import { holderOf, listeningPorts } from '../../process/ports.ts';
import { procTrouble, isLiving, readStat } from '../../process/proc.ts';
import { runProgram } from '../../host/program.ts';
import { findPythonEnvironment } from '../../python/find-environment.ts';
import type { DeploymentFlags } from '../up/deployment-options.ts';
import { gpuReport, kernelLog } from '../../deployment/doctor-host.ts';
import { stoppedText } from '../../supervisor/events.ts';
import { DynamoError } from '../../base/error.ts';
import { identify, isAlive } from '../../process/identity.ts';
import { stateFolders, type StateFolders } from '../../run/folders.ts';
import { readPlan, storedRuns, type StoredRun } from '../../run/record.ts';
import { removeStale, staleClaims, staleSockets, type StaleFile } from '../../run/stale.ts';
import { segmentFindings } from '../../deployment/survey.ts';
import { type Owner, ownersIn } from '../../deployment/gpu-survey.ts';
import { knownRuns } from '../../deployment/kept-runs.ts';
import { reapRun } from '../../deployment/reap-run.ts';

/** Below the time limit of a check, so that the check can name the program that hung. */
const programMs = 4_500;

export interface HostSource {
  /** Of the deployment, without the credentials in the addresses of etcd and NATS. */
  readonly environment: Environment;
  /** Of this command. */
  readonly caller: Environment;
  readonly subject: Subject | undefined;
  readonly flags: DeploymentFlags;
}

export function hostView({ environment, caller, subject, flags }: HostSource): HostView {
  const engine = subject?.plan?.engine ?? flags.engine;
  return {
    environment,
    home: homedir(),
    cwd: folderHere(),
    clock: systemClock,
    subject,
    files: localFiles,
    network: localNetwork,
    run: async (program, words, timeoutMs = programMs) =>
      await runProgram({ program, words, environment: caller, timeoutMs }),
    procTrouble,
    portHolder: (port) => {
      const inodes = listeningPorts().get(port);
      return inodes === undefined ? undefined : holderOf(inodes);
    },
    // Many checks need it, and it is slow on a host with GPUs.
    gpus: once(async () => await gpuReport(caller)),
    kernelLog: async () => await kernelLog(caller),
    containers: async () => {
      const { surveyContainers } = await import('../../container/find-daemon.ts');
      return await surveyContainers(caller, homedir());
    },
    python: () =>
      findPythonEnvironment({
        environment: caller,
        asked: flags.python,
        backend: (findEngine(engine)?.python ?? autoEngines.real.python).backend,
      }),
    state: async () => await stateFacts(caller),
    hostRecords: async () => {
      const { plan } = subject ?? {};
      const { readHostRecords } = await import('../../infra/host-records.ts');
      return await readHostRecords({
        addresses: plan?.infra?.etcd?.addresses ?? [],
        namespace: plan?.namespace ?? '',
        environment,
      });
    },
    lostSegments: () => lostSegments(caller),
  };
}

/** When the working folder was removed, the other checks are still useful. */
function folderHere(): string {
  try {
    return process.cwd();
  } catch {
    return homedir();
  }
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return async () => await (answer ??= ask());
}

/** Reading it writes nothing. Throws what `stateFolders` throws. */
async function stateFacts(environment: Environment): Promise<StateFacts> {
  const folders = stateFolders(environment);
  const stored = await knownRuns(folders);
  const owners = [...ownersIn(stored).values()];
  return {
    runs: stored.map((run) => runFacts(run, owners)),
    stale: await staleIn(folders),
    reap: async (runId) => {
      const run = stored.find(({ record }) => record.runId === runId);
      return run === undefined
        ? 'already gone'
        : stoppedText(await reapRun({ folders, environment }, run, false));
    },
    dropStale: async () => await dropStale(folders),
  };
}

function runFacts({ record, files, supervised }: StoredRun, owners: readonly Owner[]): RunFacts {
  const state = supervised ? 'live' : record.endedAt === undefined ? 'dead' : 'ended';
  const mine = owners.filter(({ run }) => run.record.runId === record.runId);
  return {
    runId: record.runId,
    name: record.name,
    startedAt: record.startedAt,
    state,
    plan: readPlan(files),
    living: state === 'dead' ? mine.map(({ owned: { pid, process } }) => ({ pid, process })) : [],
  };
}

async function staleIn(folders: StateFolders): Promise<StaleFile[]> {
  return [...staleClaims(folders, isAlive), ...(await staleSockets(folders))];
}

async function dropStale(folders: StateFolders): Promise<string[]> {
  const holder = identify(process.pid);
  if (holder === undefined) throw new DynamoError('environment', '/proc is not mounted.');
  const stale = await staleIn(folders);
  for (const each of stale) removeStale(each, { runId: `doctor-${process.pid}`, holder }, isAlive);
  return stale.map(({ kind, file, proof }) => `removed the ${kind} ${file}: ${proof}`);
}

/** As `dynamo clean` sees them. Throws what `stateFolders` throws. */
function lostSegments(environment: Environment): Segment[] {
  const folders = stateFolders(environment);
  const runs = storedRuns(folders, isAlive);
  const found = segmentFindings(runs, ownersIn(runs));
  return [
    ...found.segments.map(({ segment, proof }) => ({ path: segment.path, bytes: segment.bytes, proof })),
    ...found.unproven
      // Semaphores are 32 bytes each: not worth a warning.
      .filter(({ path }) => !basename(path).startsWith('sem.'))
      .filter(({ creator }) => creator === undefined || !isLiving(readStat(creator)))
      .map(({ path, bytes }) => ({ path, bytes })),
  ];
}
