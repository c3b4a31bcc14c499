/** The package as a library: `import { up } from 'dynamo-launcher'`. Its interface is types/library.d.ts. */
import { randomBytes } from 'node:crypto';
import type * as declared from '../types/library.d.ts';
import { DynamoError } from './base/error.ts';
import {
  clientEnvironment,
  endedUntold,
  outcomeError,
  startDetachedRun,
  type StartedRun,
  startRun,
} from './deployment/start-run.ts';
import { listenAddress } from './host/listen-address.ts';
import { openProfile } from './deployment/load-profile.ts';
import { requireLinux } from './package/platform.ts';
import { reapDeadRuns } from './deployment/reap-dead-runs.ts';
import { cleanName } from './plan/run-name.ts';
import type { PlanOptions } from './plan/request.ts';
import type { Profile } from './profile/profile.ts';
import type { Setting } from './profile/shown.ts';
import { workspaceOf } from './run/folders.ts';
import { logTail } from './run/log-file.ts';
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from './base/environment.ts';
import { failureSoFar } from './deployment/failure-error.ts';
import { findRun, livePlan } from './deployment/find-run.ts';
import { isServing, type ServingPlan } from './plan/plan.ts';
import { isAlive } from './process/identity.ts';
import { askAct, askStop, followEvents } from './run/control-client.ts';
import { readPlan, storedRuns } from './run/record.ts';
import { type RunFiles, socketOf, type StateFolders, stateFolders } from './run/folders.ts';
import type { Failure, StopReport } from './supervisor/events.ts';
import type { AnyAction } from './supervisor/process-action.ts';

export { DynamoError };

export const up: typeof declared.up = async (profileName, options = {}) =>
  await allWords(async () => {
    const environment = environmentOf(options);
    await check('profile', profileName, options);
    const { profile } = await openProfile(profileName, settingsOf(options), environment);
    return await bringUp(profile, options, environment);
  });

export const upFrom: typeof declared.upFrom = async (file, options = {}) =>
  await allWords(async () => {
    const environment = environmentOf(options);
    await check('file', file, options);
    const { openReport } = await import('./deployment/from-report.ts');
    const asked = { file, operands: [], verb: 'up' } as const;
    const report = await openReport(asked, settingsOf(options), environment);
    let differences: readonly string[] = [];
    const run = await bringUp(report.profile, options, environment, {
      optionsWith: report.optionsWith,
      onStart: (plan) => void (differences = report.differencesTo(plan)),
    });
    return { ...run, differences };
  });

/** As it is when the library is called. `options` was not checked yet. */
function environmentOf(options: declared.UpOptions | null): Environment {
  return options?.environment ?? { ...process.env };
}

/** Loaded here: an import of the package needs none of it. */
async function check(what: 'profile' | 'file', value: unknown, options: unknown): Promise<void> {
  requireLinux('up');
  const { checkOptions } = await import('./deployment/library-options.ts');
  checkOptions(what, value, options);
}

async function allWords<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof DynamoError ? withAllWords(error) : error;
  }
}

interface Origin {
  optionsWith(own: PlanOptions): PlanOptions;
  onStart(plan: ServingPlan): void;
}

const asGiven: Origin = { optionsWith: (own) => own, onStart: () => {} };

async function bringUp(
  profile: Profile,
  options: declared.UpOptions,
  environment: Environment,
  { optionsWith, onStart }: Origin = asGiven,
): Promise<declared.Run> {
  const { signal } = options;
  signal?.throwIfAborted();
  await reapDeadRuns(workspaceOf(environment), () => {});
  const reused = options.reuse === true ? await upAlready(profile.name, options, environment) : undefined;
  if (reused !== undefined) return reused;
  const start = options.reuse === true ? startDetachedRun : startRun;
  const planned = optionsWith(planOptionsOf(options, profile.name));
  const run = await start(profile, planned, () => {}, environment);
  onStart(run.held.plan);
  const stop = (): void => run.supervision.stop();
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) stop();
  const proof = await run.supervision.ready;
  if (proof !== undefined)
    return options.reuse === true ? await attachTo(run.held.plan.runId, environment) : runOf(run);
  const error = outcomeError(await run.supervision.done, run.held.plan.runId);
  signal?.throwIfAborted();
  throw (
    error ??
    new DynamoError('process-failed', `${profile.name} was stopped before it was ready.`, {
      fields: { asked: profile.name },
    })
  );
}

async function upAlready(
  profileName: string,
  options: declared.UpOptions,
  environment: Environment,
): Promise<declared.Run | undefined> {
  const name = options.name ?? cleanName(profileName);
  const found = storedRuns(stateFolders(environment), isAlive).find(
    ({ record, supervised }) => supervised && record.name === name,
  );
  const plan = found === undefined ? undefined : readPlan(found.files);
  if (found === undefined || plan?.profile.name !== profileName) return undefined;
  return await attachTo(found.record.runId, environment);
}

export const attach: typeof declared.attach = async (run, { environment = { ...process.env } } = {}) =>
  await allWords(async () => {
    requireLinux('attach');
    return await attachTo(run, environment);
  });

/** A run whose supervisor is another process. */
async function attachTo(asked: string | undefined, environment: Environment): Promise<declared.Run> {
  const folders = stateFolders(environment);
  const { run, plan } = livePlan(folders, asked, 'attach');
  if (!isServing(plan)) {
    throw new DynamoError('usage', `${plan.name} serves no model.`, { fields: { asked: plan.name } });
  }
  const socket = socketOf(folders, run.record);
  const follow = async (): Promise<DynamoError | undefined> => {
    let failure: Failure | undefined;
    let stopped: StopReport | undefined;
    try {
      for await (const event of followEvents(socket)) {
        failure = failureSoFar(failure, event);
        if (event.type === 'stopped') stopped = event;
      }
    } catch {
      // The connection broke with its supervisor; what it left is ended by its keeper.
    }
    while (isAlive(run.record.supervisor)) await delay(20);
    stopped ??= await endedUntold({ folders, environment }, run);
    const outcome = { ...stopped, ...(failure === undefined ? {} : { failure }) };
    return outcomeError(outcome, plan.runId);
  };
  return runWith(plan, {
    ended: follow(),
    stop: () => askStop(socket, false),
    kill: () => askStop(socket, true),
    act: (action, name) => askAct(socket, action, name),
    place: { folders, files: run.files },
    dispose: async () => {},
  });
}

/** Test runners show only the message, so it contains everything that the command line prints. */
function withAllWords(error: DynamoError): DynamoError {
  const { code, message, details, hint } = error;
  const words = [message, ...details, ...(hint === undefined ? [] : [`fix: ${hint}`])].join('\n');
  const whole = new DynamoError(code, words, error);
  const stack = error.stack?.replace(message, () => words);
  return stack === undefined ? whole : Object.assign(whole, { stack });
}

function runOf({ held: { plan, folders, files }, supervision }: StartedRun): declared.Run {
  const end = async (): Promise<DynamoError | undefined> => outcomeError(await supervision.done, plan.runId);
  const { act } = supervision;
  return runWith(plan, {
    ended: end(),
    stop: async () => supervision.stop(),
    kill: async () => supervision.kill(),
    act: async (action, name) => await act?.(action, name),
    place: { folders, files },
  });
}

/** What a run can be told, wherever its supervisor is. */
interface Control {
  readonly ended: Promise<DynamoError | undefined>;
  readonly stop: () => Promise<void>;
  readonly kill: () => Promise<void>;
  readonly act: (action: AnyAction, process: string) => Promise<void>;
  readonly place: { readonly folders: StateFolders; readonly files: RunFiles };
  /** At the end of a block; default: stops it. */
  readonly dispose?: () => Promise<void>;
}

function runWith(plan: ServingPlan, control: Control): declared.Run {
  const whole = async (): Promise<DynamoError | undefined> => {
    const error = await control.ended;
    return error === undefined ? undefined : withAllWords(error);
  };
  const ended = whole();
  const endBy = async (told: () => Promise<void>): Promise<void> => {
    await told();
    const error = await ended;
    if (error !== undefined) throw error;
  };
  const stop = async (): Promise<void> => await endBy(control.stop);
  const { folders, files } = control.place;
  /** A change of the run replaces its plan. */
  const processesNow = (): ServingPlan['processes'] => (readPlan(files) ?? plan).processes;
  const known = (name: string): ServingPlan['processes'][number] => {
    const spec = processesNow().find((each) => each.name === name);
    if (spec === undefined) throw unknownProcess(name, processesNow());
    return spec;
  };
  const act = (action: AnyAction) => async (name: string) => await control.act(action, known(name).name);
  return {
    runId: plan.runId,
    url: plan.http.url,
    model: plan.model.servedName,
    engine: plan.engine,
    env: clientEnvironment(plan),
    get processes() {
      return processesNow().map(({ name, kind, mode, ports, gpus, logFile }) => ({
        name,
        kind,
        mode,
        ports: { ...ports },
        gpus,
        logFile,
      }));
    },
    logs: (name) => {
      const { lines, partial } = logTail(known(name).logFile, Infinity);
      return [...lines.map((line) => `${line}\n`), partial ?? ''].join('');
    },
    metrics: async () => await metricsOf(plan.http.url),
    restart: act('restart'),
    start: act('start'),
    stopProcess: act('stop'),
    scale: async (replicas, { timeoutMs } = {}) => {
      const { scaleRun } = await import('./deployment/scale-run.ts');
      const { added, removed } = await scaleRun(folders, findRun(folders, plan.runId), replicas, {
        timeoutMs,
      });
      return { added: added.map(({ name }) => name), removed };
    },
    ended,
    stop,
    kill: async (name) => await (name === undefined ? endBy(control.kill) : act('kill')(name)),
    [Symbol.asyncDispose]: control.dispose ?? stop,
  };
}

async function metricsOf(url: string): Promise<readonly declared.MetricSample[]> {
  const { readPage } = await import('./metrics/prometheus.ts');
  const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(metricsMs) });
  const page = readPage(await response.text());
  return [...page].flatMap(([name, samples]) =>
    samples.map(({ labels, value }) => ({ name, labels, value })),
  );
}

const metricsMs = 10_000;

function unknownProcess(name: string, processes: readonly { readonly name: string }[]): DynamoError {
  const choices = processes.map((each) => each.name);
  return new DynamoError(
    'usage',
    `The run has no process ${JSON.stringify(name)}, only ${choices.join(', ')}.`,
    {
      fields: { asked: name, choices },
    },
  );
}

function settingsOf({ model, requestPlane, set = {} }: declared.UpOptions): Setting[] {
  const chosen = [
    ...(model === undefined ? [] : [{ path: 'model', value: model, flag: '--model' }]),
    ...(requestPlane === undefined
      ? []
      : [{ path: 'requestPlane', value: requestPlane, flag: '--request-plane' }]),
  ];
  const given = Object.entries(set).map(([path, value]) => ({ path, value: String(value), flag: '--set' }));
  return [...chosen, ...given];
}

function planOptionsOf(options: declared.UpOptions, profileName: string): PlanOptions {
  const { engine = 'auto', infra = 'auto', replicas = {}, env = {}, workerArgs = [] } = options;
  // Test runners start several at once, so each needs a unique name.
  const name =
    options.name ??
    (options.reuse === true ? cleanName(profileName) : undefined) ??
    `${cleanName(profileName).slice(0, 30) || 'run'}-${randomBytes(4).toString('hex')}`;
  return {
    engine,
    infra,
    replicas,
    env,
    name,
    gpus: options.gpus,
    httpHost: options.httpHost === undefined ? undefined : listenAddress(options.httpHost),
    httpPort: options.httpPort,
    python: options.python,
    runtime: options.runtime,
    ptrace: options.ptrace,
    observe: options.observe ?? options.grafana,
    grafana: options.grafana,
    planner: options.planner === false ? undefined : options.planner,
    images: options.images,
    persist: options.persist,
    logLimitMiB: options.logLimitMiB,
    discovery: options.discovery,
    events: options.events,
    timeoutMs: options.timeoutMs,
    stopTimeoutMs: options.stopTimeoutMs,
    rawArgs: workerArgs,
    detached: options.reuse === true,
  };
}
