/** What all engines of upstream share: the variables of their processes, and the OpenAI frontend. */
import type { FrontendSpec } from '../profile/profile.ts';
import { dynamoVariables } from './dynamo-variables.ts';
import type { Deployment, Launch, LocalDeployment, PythonHome } from './engine.ts';
import { spellingFor } from './targets.ts';

/**
 * `process`: its name in the plan. What it writes goes to its log at once.
 * Source: docs/upstream/environment-variables.md#loopback, docs/upstream/environment-variables.md#output.
 */
export function pythonVariables(
  home: PythonHome,
  deployment: Deployment,
  process: string,
): Record<string, string> {
  const { events, profile } = deployment;
  return {
    ...dynamoVariables(deployment),
    // Upstream knows no "none": workers that publish nothing are what makes it so.
    DYN_EVENT_PLANE: events === 'none' ? 'zmq' : events,
    ...(deployment.target === 'local' ? localVariables(home, deployment) : {}),
    // A folder `dynamo` in the working directory must not shadow the package.
    PYTHONSAFEPATH: '1',
    PYTHONUNBUFFERED: '1',
    ...(profile.tracing ? tracingVariables(home, process) : {}),
  };
}

/** All that listens and answers stays on loopback. */
function localVariables(home: PythonHome, deployment: LocalDeployment): Record<string, string> {
  return {
    DYN_EVENT_PLANE_HOST: spellingFor(deployment).listen,
    // The address itself breaks 1.1 to 1.4: the name of the interface works everywhere.
    DYN_TCP_RESPONSE_STREAM_HOST: 'lo',
    ...(home.inImage === true ? {} : placeVariables(home, deployment)),
  };
}

/**
 * The status server of a worker, which answers 503 while the worker loads and writes an ERROR line for each such answer,
 * and answers 503 for ever where no health check is registered (mocker, encode workers). Told to begin with `ready`, it
 * answers 200 and lists the endpoints that are ready, which is what a probe reads. Nothing where the plan gives no port:
 * then whoever does sets all of this.
 * Source: docs/upstream/status-and-health.md#worker-status-port.
 */
export function statusVariables(port: number | undefined): Record<string, string> {
  if (port === undefined) return {};
  return {
    DYN_SYSTEM_HOST: '127.0.0.1',
    DYN_SYSTEM_PORT: String(port),
    DYN_SYSTEM_STARTING_HEALTH_STATUS: 'ready',
  };
}

/** What an environment of this host needs to be found and to leave nothing behind. */
function placeVariables(home: PythonHome, deployment: LocalDeployment): Record<string, string> {
  const { PATH } = home.caller;
  return {
    // JIT compilers of SGLang look there for ninja, which stands in the environment.
    PATH: [`${home.folder}/bin`, ...(PATH === undefined ? [] : [PATH])].join(':'),
    ...temporaryVariables(home, deployment),
  };
}

/** Upstream leaves files and sockets behind in TMPDIR; what PyTorch compiled should outlive the run, though. */
function temporaryVariables(
  { caller }: PythonHome,
  { temporaryFolder }: LocalDeployment,
): Record<string, string> {
  if (temporaryFolder === undefined) return {};
  const { HOME, TORCHINDUCTOR_CACHE_DIR: set } = caller;
  return {
    TMPDIR: temporaryFolder,
    ...(HOME === undefined || set !== undefined
      ? {}
      : { TORCHINDUCTOR_CACHE_DIR: `${HOME}/.cache/torchinductor` }),
  };
}

/** The collector of the caller, or upstream's default. Source: docs/upstream/launch-scripts.md#tracing. */
export function tracesEndpoint({ caller }: PythonHome): string {
  return (
    caller.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || caller.OTEL_EXPORTER_OTLP_ENDPOINT || 'http://localhost:4317'
  );
}

function tracingVariables(home: PythonHome, process: string): Record<string, string> {
  return {
    DYN_LOGGING_JSONL: 'true',
    OTEL_EXPORT_ENABLED: '1',
    ...exporterVariables(home),
    OTEL_SERVICE_NAME: serviceName(process),
  };
}

/**
 * Upstream's one switch exports logs, too, and knows no way to leave that out: to a collector that takes none, or where
 * nobody listens, each batch is an ERROR line in the log, which is the next batch a second later. So logs are sent only
 * where the caller says that they go; else a batch waits for the longest time there is. Seen with 1.1.1 and 1.6.1.
 */
function exporterVariables(home: PythonHome): Record<string, string> {
  const {
    OTEL_EXPORTER_OTLP_ENDPOINT: all,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces,
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: logs,
    OTEL_BLRP_SCHEDULE_DELAY: delay,
  } = home.caller;
  // With HTTP the common one gets a path added, those of their own are taken as they stand.
  if (all && !traces) return { OTEL_EXPORTER_OTLP_ENDPOINT: all };
  const toTraces = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: tracesEndpoint(home) };
  if (logs) return { ...toTraces, OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: logs };
  if (all) return { ...toTraces, OTEL_EXPORTER_OTLP_ENDPOINT: all };
  return {
    ...toTraces,
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: tracesEndpoint(home),
    ...(delay === undefined ? { OTEL_BLRP_SCHEDULE_DELAY: String(longestDelayMs) } : {}),
  };
}

/** 24 days. */
const longestDelayMs = 2 ** 31 - 1;

/** As the scripts of upstream call them: `dynamo-frontend`, `dynamo-worker-1`, `dynamo-worker-prefill`. */
function serviceName(process: string): string {
  return /^(frontend|worker)/.test(process) ? `dynamo-${process}` : `dynamo-worker-${process}`;
}

/**
 * Open streams are waited for without a limit of upstream's own.
 * Source: docs/upstream/processes.md#stopping-the-frontend.
 */
export const frontendGraceMs = 30_000;

/** Holds all of upstream, the mocker too. Source: the page "SGLang" of the documentation of 1.1.1. */
export const runtimeImage = {
  name: 'runtime',
  reference: 'nvcr.io/nvidia/ai-dynamo/sglang-runtime:1.1.1',
} as const;

/** `engineArgs`: what the profile gives it for this engine. Source: docs/upstream/frontend.md#flags-that-we-set. */
export function upstreamFrontend(
  home: PythonHome,
  spec: FrontendSpec,
  deployment: Deployment,
  engineArgs: readonly string[],
): Launch {
  const { events } = deployment;
  const { mode, kvEvents } = spec.router;
  const listens = kvEvents && events !== 'none';
  return {
    command: [home.python, '-m', 'dynamo.frontend'],
    args: [
      ...(deployment.target === 'local' ? httpFlags(deployment) : []),
      '--router-mode',
      mode,
      ...(mode === 'kv' ? [listens ? '--router-kv-events' : '--no-router-kv-events'] : []),
      ...(spec.chatProcessor === undefined ? [] : ['--dyn-chat-processor', spec.chatProcessor]),
      ...engineArgs,
    ],
    env: pythonVariables(home, deployment, 'frontend'),
  };
}

function httpFlags({ http }: LocalDeployment): string[] {
  return ['--http-host', http.host, '--http-port', String(http.port)];
}
