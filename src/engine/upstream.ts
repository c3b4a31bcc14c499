/** What all upstream engines share: the variables of their processes, and the OpenAI frontend. */
import type { FrontendSpec } from '../profile/profile.ts';
import { dynamoVariables } from './dynamo-variables.ts';
import { DynamoError } from '../base/error.ts';
import { compareVersions } from '../base/package-version.ts';
import type { Deployment, Launch, LocalDeployment, PythonHome } from './engine.ts';
import { spansHosts } from './targets.ts';

/**
 * `process`: its name in the plan. Output is unbuffered, so that it reaches the log at once.
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
    // Upstream has no "none": it means that no worker publishes events.
    DYN_EVENT_PLANE: events === 'none' ? 'zmq' : events,
    ...(deployment.target === 'local' ? localVariables(home, deployment) : {}),
    // A folder `dynamo` in the working directory must not shadow the package.
    PYTHONSAFEPATH: '1',
    PYTHONUNBUFFERED: '1',
    ...(profile.tracing ? tracingVariables(home, process) : {}),
  };
}

/** All servers and connections stay on loopback, unless other hosts run a part of the deployment. */
function localVariables(home: PythonHome, deployment: LocalDeployment): Record<string, string> {
  requireFamily(home, deployment);
  return {
    DYN_EVENT_PLANE_HOST: deployment.network.address,
    // An address breaks 1.1 to 1.4; the name of the interface works in all versions.
    ...(spansHosts(deployment) ? streamHost(home, deployment) : { DYN_TCP_RESPONSE_STREAM_HOST: 'lo' }),
    ...(home.inImage === true ? {} : placeVariables(home, deployment)),
  };
}

/**
 * 1.1.1 refuses to listen on an IPv6 address. 1.6.1 serves over one with aggregated workers, but not with prefill workers:
 * `cannot_connect`.
 */
function requireFamily({ folder, version }: PythonHome, { network }: LocalDeployment): void {
  if (!network.address.includes(':')) return;
  throw new DynamoError(
    'environment',
    `${folder} contains Dynamo ${version}, which needs IPv4 between hosts.`,
    {
      details: [`This host would be reached at ${network.address}.`],
      hint: 'give an IPv4 address: --advertise ADDRESS',
      fields: { option: '--advertise', asked: network.address, version },
    },
  );
}

/**
 * Where workers on other hosts send answers. 1.1 and 1.4 accept only the name of an interface, and then listen on its
 * link-local IPv6 address, which fails: without it, they take the address of the default route. Seen with 1.1.1, 1.4.2 and 1.6.1.
 */
function streamHost({ version }: PythonHome, { network }: LocalDeployment): Record<string, string> {
  return compareVersions(version, '1.5.dev0') < 0 ? {} : { DYN_TCP_RESPONSE_STREAM_HOST: network.address };
}

/**
 * The status server of a worker. By default it answers 503 and logs an ERROR line each time while the worker loads, and
 * always answers 503 without a registered health check (mocker, encode workers). With the starting status `ready` it
 * answers 200 and lists the endpoints that are ready, which probes read. Empty if the plan assigns no port: then the
 * target sets all of this.
 * Source: docs/upstream/status-and-health.md#worker-status-port.
 */
export function statusVariables(port: number | undefined, deployment: Deployment): Record<string, string> {
  if (port === undefined || deployment.target !== 'local') return {};
  return {
    // Since 1.4 the frontend reads the model's tokenizer there, also from another host.
    DYN_SYSTEM_HOST: deployment.network.address,
    DYN_SYSTEM_PORT: String(port),
    DYN_SYSTEM_STARTING_HEALTH_STATUS: 'ready',
  };
}

/** What processes from an environment on this host need to find it, and to leave nothing behind. */
function placeVariables(home: PythonHome, deployment: LocalDeployment): Record<string, string> {
  const { PATH } = home.caller;
  return {
    // SGLang's JIT compilers search PATH for ninja, which is in the environment.
    PATH: [`${home.folder}/bin`, ...(PATH === undefined ? [] : [PATH])].join(':'),
    // Upstream leaves files and sockets behind there.
    ...(deployment.temporaryFolder === undefined ? {} : { TMPDIR: deployment.temporaryFolder }),
  };
}

/** The collector of the caller, or upstream's default. Source: docs/upstream/launch-scripts.md#tracing. */
export function tracesEndpoint({ caller }: Pick<PythonHome, 'caller'>): string {
  return (
    caller.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || caller.OTEL_EXPORTER_OTLP_ENDPOINT || 'http://localhost:4317'
  );
}

/** Turns on the spans of Dynamo itself, which need no Python package. */
export function tracingVariables(home: Pick<PythonHome, 'caller'>, process: string): Record<string, string> {
  return {
    DYN_LOGGING_JSONL: 'true',
    OTEL_EXPORT_ENABLED: '1',
    ...exporterVariables(home),
    OTEL_SERVICE_NAME: serviceName(process),
  };
}

export const exportsTraces = (env: Readonly<Record<string, string>>): boolean =>
  Boolean(env.OTEL_EXPORT_ENABLED);

/**
 * Upstream's switch for traces always exports logs as well. If the collector accepts no logs, or is down, each batch
 * causes an ERROR line in the log, which becomes the next batch a second later. So logs are sent only if the caller
 * configures it; otherwise batches are delayed as long as possible. Seen with 1.1.1 and 1.6.1.
 */
function exporterVariables(home: Pick<PythonHome, 'caller'>): Record<string, string> {
  const {
    OTEL_EXPORTER_OTLP_ENDPOINT: all,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces,
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: logs,
    OTEL_BLRP_SCHEDULE_DELAY: delay,
  } = home.caller;
  // With HTTP, upstream appends a path to the common endpoint, but uses the specific ones unchanged.
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

/** The names in upstream's scripts: `dynamo-frontend`, `dynamo-worker-1`, `dynamo-worker-prefill`. */
function serviceName(process: string): string {
  return /^(frontend|worker)/.test(process) ? `dynamo-${process}` : `dynamo-worker-${process}`;
}

/**
 * Upstream waits for open streams without a limit.
 * Source: docs/upstream/processes.md#stopping-the-frontend.
 */
export const frontendGraceMs = 30_000;

/** Contains all of upstream, including the mocker. Source: the page "SGLang" of the documentation of 1.1.1. */
export const runtimeImage = {
  name: 'runtime',
  reference: 'nvcr.io/nvidia/ai-dynamo/sglang-runtime:1.1.1',
} as const;

/** `engineArgs`: from the profile, for this engine. Source: docs/upstream/frontend.md#flags-that-we-set. */
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
    env: { ...pythonVariables(home, deployment, 'frontend'), ...bucketVariables(home, deployment) },
  };
}

/**
 * Upstream's buckets are twice as wide as those before, so that percentiles are known to 50 %, and the first bucket of a
 * whole request ends at 2 s; with these it is 15 %. 1.1.1 ignores them. Seen with 1.1.1 and 1.6.1.
 */
function bucketVariables({ version }: PythonHome, { target }: Deployment): Record<string, string> {
  if (target !== 'local' || compareVersions(version, '1.5.dev0') < 0) return {};
  return {
    DYN_METRICS_TTFT_COUNT: '50',
    DYN_METRICS_ITL_COUNT: '50',
    DYN_METRICS_REQUEST_DURATION_MIN: '0.01',
    DYN_METRICS_REQUEST_DURATION_COUNT: '40',
  };
}

function httpFlags({ http }: LocalDeployment): string[] {
  return ['--http-host', http.host, '--http-port', String(http.port)];
}
