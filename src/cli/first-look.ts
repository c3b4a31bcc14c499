/** `dynamo` alone: shows what this host has, and which command comes next. Changes nothing. */
import type { Environment } from '../base/environment.ts';
import { isServing } from '../plan/plan.ts';
import { DynamoError } from '../base/error.ts';
import { messageOf } from '../base/error-code.ts';
import { autoEngines } from '../engine/engines.ts';
import { autoEngine } from '../plan/choose-engine.ts';
import type { Gpu, PythonEnvironment } from '../plan/request.ts';
import { isAlive } from '../process/identity.ts';
import { findPythonEnvironment } from '../python/find-environment.ts';
import { stateFolders, workspaceOf } from '../run/folders.ts';
import { readEvents, readPlan, storedRuns } from '../run/record.ts';
import { fitLines, terminalWidth } from '../view/wrap.ts';
import { firstLook, type FirstLook } from '../view/first-look.ts';
import { styleFor } from '../view/style.ts';
import { gpusHere } from '../deployment/host-facts.ts';
import { failureSoFar } from '../deployment/failure-error.ts';
import type { Failure } from '../supervisor/events.ts';
import { isInfraOnly } from '../deployment/infra-facts.ts';
import { requireLinux } from '../package/platform.ts';
import { version } from '../package/version.ts';

/** Prints on stdout and returns the exit code. Never throws. */
export async function showFirstLook(environment: Environment): Promise<number> {
  requireLinux('');
  const look = await surveyHost(environment);
  process.stdout.write(
    `${fitLines(firstLook(look, styleFor(process.stdout, environment)), terminalWidth(process.stdout))}\n`,
  );
  return 0;
}

async function surveyHost(environment: Environment): Promise<FirstLook> {
  const { gpus, problem } = await gpusHere(workspaceOf(environment));
  const { python, trouble } = pythonHere(gpus, environment);
  const facts = { gpus, python, ...(problem === undefined ? {} : { gpuProblem: problem }) };
  const { engine, lack } = engineHere(facts);
  const running = runsUp(environment);
  return {
    version,
    host: gpuText(gpus, problem),
    engine,
    missing: [trouble, lack, gpus.length === 0 ? withoutGpu : undefined].filter((each) => each !== undefined),
    runs: running,
    failed: running.length === 0 ? lastFailure(environment) : undefined,
    next:
      trouble === undefined ? nextStep(gpus, lack, running.length) : ['dynamo doctor', 'explains what to do'],
  };
}

const withoutGpu = 'a GPU; the real frontend works without: dynamo setup --engine mocker';

/** Not searched where `auto` would not use it. */
function pythonHere(
  gpus: readonly Gpu[],
  environment: Environment,
): { python: PythonEnvironment | undefined; trouble?: string } {
  if (gpus.length === 0) return { python: undefined };
  try {
    return {
      python: findPythonEnvironment({ environment, backend: autoEngines.real.python.backend }),
    };
  } catch (error) {
    return { python: undefined, trouble: messageOf(error) };
  }
}

function engineHere(facts: Parameters<typeof autoEngine>[1]): { engine: string; lack?: string } {
  try {
    const { kind, because } = autoEngine('gpu', facts);
    return { engine: `${kind.name} (${because})` };
  } catch (error) {
    if (!(error instanceof DynamoError)) throw error;
    return { engine: 'none is ready', lack: 'SGLang and Dynamo, for the GPUs of this host' };
  }
}

function gpuText(gpus: readonly Gpu[], problem: string | undefined): string {
  const [first] = gpus;
  if (first === undefined) return problem ?? 'none';
  const free = gpus.filter(isFree).length;
  const each = first.totalMiB > 0 ? `${Math.round(first.totalMiB / 1024)} GiB` : 'memory unknown';
  const state =
    free === gpus.length ? 'all free' : `${free} free (dynamo clean --dry-run shows who uses the others)`;
  return `${gpus.length} × ${first.name}, ${each}, ${state}`;
}

function isFree({ heldBy, leasedBy }: Gpu): boolean {
  return heldBy === undefined && leasedBy === undefined;
}

function runsUp(environment: Environment): string[] {
  return storedRuns(stateFolders(environment), isAlive)
    .filter((run) => run.supervised && !isInfraOnly(run))
    .flatMap(({ record, files }) => {
      const plan = readPlan(files);
      return plan === undefined || !isServing(plan)
        ? []
        : [`${record.name}, ${plan.model.servedName} at ${plan.http.url}`];
    });
}

/** Not for ever: after a day it is no news. */
const newsMs = 24 * 60 * 60_000;

function lastFailure(environment: Environment): string | undefined {
  const last = storedRuns(stateFolders(environment), isAlive).findLast((run) => !isInfraOnly(run));
  if (last === undefined || Date.now() - (last.record.endedAt ?? 0) > newsMs) return undefined;
  const failure = readEvents(last.files).reduce<Failure | undefined>(failureSoFar, undefined);
  const why = failure?.diagnosis?.cause ?? failure?.message;
  return why && `${last.record.runId}: ${why.replace(/\.$/, '')} (dynamo logs ${last.record.runId})`;
}

function nextStep(gpus: readonly Gpu[], lack: string | undefined, running: number): FirstLook['next'] {
  if (running > 0) return ['dynamo chat', 'chat with it (dynamo ps shows it, dynamo down stops it)'];
  if (lack !== undefined) return ['dynamo setup', 'installs them for this user, without root'];
  const free = gpus.filter(isFree).length;
  if (gpus.length > 0 && free === 0) return ['dynamo clean --dry-run', 'shows who uses the GPUs'];
  return free === 1
    ? ['dynamo up agg', 'one worker (dynamo up lists all profiles)']
    : ['dynamo up disagg', 'prefill and decode (dynamo up lists all profiles)'];
}
