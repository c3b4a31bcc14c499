/** The package as a library: `import { up } from 'dynamo-launcher'`. Its interface is types/library.d.ts. */
import { randomBytes } from 'node:crypto';
import type * as declared from '../types/library.d.ts';
import { DynamoError } from './base/error.ts';
import { clientEnvironment, outcomeError, type StartedRun, startRun } from './deployment/start-run.ts';
import { checkOptions } from './deployment/library-options.ts';
import { listenAddress } from './host/listen-address.ts';
import { openProfile } from './deployment/load-profile.ts';
import { requireLinux } from './package/platform.ts';
import { reapDeadRuns } from './deployment/reap-run.ts';
import { cleanName } from './plan/run-name.ts';
import type { PlanOptions } from './plan/request.ts';
import type { Setting } from './profile/shown.ts';
import { workspaceOf } from './run/folders.ts';
import { logTail } from './run/log-file.ts';

export { DynamoError };

export const up: typeof declared.up = async (profileName, options = {}) => {
  try {
    checkOptions(profileName, options);
    return await bringUp(profileName, options);
  } catch (error) {
    throw error instanceof DynamoError ? withAllWords(error) : error;
  }
};

async function bringUp(profileName: string, options: declared.UpOptions): Promise<declared.Run> {
  requireLinux('up');
  const { signal } = options;
  signal?.throwIfAborted();
  const { environment = { ...process.env } } = options;
  const { profile } = await openProfile(profileName, settingsOf(options), environment);
  await reapDeadRuns(workspaceOf(environment), () => {});
  const run = await startRun(profile, planOptionsOf(options, profile.name), () => {}, environment);
  const stop = (): void => run.supervision.stop();
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) stop();
  const proof = await run.supervision.ready;
  if (proof !== undefined) return runOf(run);
  const error = outcomeError(await run.supervision.done, run.held.plan.runId);
  signal?.throwIfAborted();
  throw (
    error ??
    new DynamoError('process-failed', `${profile.name} was stopped before it was ready.`, {
      fields: { asked: profile.name },
    })
  );
}

/** Test runners show only the message, so it contains everything that the command line prints. */
function withAllWords(error: DynamoError): DynamoError {
  const { code, message, details, hint } = error;
  const words = [message, ...details, ...(hint === undefined ? [] : [`fix: ${hint}`])].join('\n');
  const whole = new DynamoError(code, words, error);
  const stack = error.stack?.replace(message, () => words);
  return stack === undefined ? whole : Object.assign(whole, { stack });
}

function runOf({ held: { plan }, supervision }: StartedRun): declared.Run {
  const end = async (): Promise<DynamoError | undefined> => {
    const error = outcomeError(await supervision.done, plan.runId);
    return error === undefined ? undefined : withAllWords(error);
  };
  const ended = end();
  const stop = async (): Promise<void> => {
    supervision.stop();
    const error = await ended;
    if (error !== undefined) throw error;
  };
  return {
    runId: plan.runId,
    url: plan.http.url,
    model: plan.model.servedName,
    engine: plan.engine,
    env: clientEnvironment(plan),
    processes: plan.processes.map(({ name, kind, mode, ports, gpus, logFile }) => ({
      name,
      kind,
      mode,
      ports: { ...ports },
      gpus,
      logFile,
    })),
    logs: (name) => {
      const spec = plan.processes.find((each) => each.name === name);
      if (spec === undefined) throw unknownProcess(name, plan.processes);
      const { lines, partial } = logTail(spec.logFile, Infinity);
      return [...lines.map((line) => `${line}\n`), partial ?? ''].join('');
    },
    ended,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

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

function settingsOf({ model, set = {} }: declared.UpOptions): Setting[] {
  const chosen = model === undefined ? [] : [{ path: 'model', value: model, flag: '--model' }];
  const given = Object.entries(set).map(([path, value]) => ({ path, value: String(value), flag: '--set' }));
  return [...chosen, ...given];
}

function planOptionsOf(options: declared.UpOptions, profileName: string): PlanOptions {
  const { engine = 'auto', infra = 'auto', replicas = {}, env = {}, workerArgs = [] } = options;
  // Test runners start several at once, so each needs a unique name.
  const name =
    options.name ?? `${cleanName(profileName).slice(0, 30) || 'run'}-${randomBytes(4).toString('hex')}`;
  return {
    engine,
    infra,
    replicas,
    env,
    name,
    gpus: options.gpus,
    httpHost: options.httpHost === undefined ? undefined : listenAddress(options.httpHost),
    httpPort: options.httpPort,
    discovery: options.discovery,
    events: options.events,
    timeoutMs: options.timeoutMs,
    stopTimeoutMs: options.stopTimeoutMs,
    rawArgs: workerArgs,
    detached: false,
  };
}
