/**
 * What `up --observe` adds to a plan: a Prometheus, a receiver of traces to which every process sends its spans, and with
 * `--grafana` Tempo and Grafana. They only watch: none of them is needed by a request, and all are stopped last.
 */
import { findEngine } from '../engine/engines.ts';
import { tracingVariables } from '../engine/upstream.ts';
import { type GrafanaParts, planGrafana, planTempo } from './grafana.ts';
import { planPrometheus, type PrometheusProgram } from './observe.ts';
import type { Secrets } from './plan-secrets.ts';
import { type Choice, type Plan, spansFile } from './plan.ts';
import { type PortPool, portPool, portRange } from './ports.ts';
import type { HostFacts } from './request.ts';
import { daemonOf } from './runtime.ts';
import { type Beside, watcher } from './watcher.ts';

/** What this host has to observe a run with. */
export interface Observers {
  readonly prometheus: PrometheusProgram;
  /** The command that receives traces; flags are appended. */
  readonly receiver: readonly string[];
  readonly grafana?: GrafanaParts | undefined;
}

interface Planned<P extends Plan> {
  readonly plan: P;
  readonly secrets: Secrets;
}

/**
 * `make` is asked twice: the ports that it takes must be known before the address that spans are sent to, which it writes
 * into environments and arguments.
 */
export function planObserved<P extends Plan>(
  make: (host: HostFacts) => Planned<P>,
  host: HostFacts,
  observers: Observers,
): Planned<P> {
  const first = make(host);
  const pool = poolBeside(first.plan, host);
  const collector = collectorOf(host.environment);
  const traces = collector === undefined ? planTraces(first.plan, observers, pool) : undefined;
  const environment =
    traces === undefined
      ? host.environment
      : { ...host.environment, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces.endpoint };
  const { plan, secrets } = traces === undefined ? first : make({ ...host, environment });
  const prometheus = planPrometheus(plan, observers.prometheus, pool.take());
  const grafana =
    observers.grafana === undefined
      ? []
      : [
          planGrafana(plan, observers.grafana, {
            port: pool.take(),
            prometheusUrl: prometheus.choice.value,
            tempoUrl: traces?.tempoUrl,
          }),
        ];
  const beside = [...(traces === undefined ? [] : [traces.beside]), prometheus, ...grafana];
  const given: Choice[] =
    collector === undefined
      ? []
      : [{ what: 'traces', value: collector, because: 'the environment names it' }];
  return { plan: withBeside(traced(plan, environment), beside, given, host), secrets };
}

/** A collector of the user's own. */
function collectorOf({
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces,
  OTEL_EXPORTER_OTLP_ENDPOINT: all,
}: HostFacts['environment']): string | undefined {
  return traces || all || undefined;
}

function poolBeside(plan: Plan, host: HostFacts): PortPool {
  const taken = plan.processes.flatMap(({ ports }) => Object.values(ports));
  return portPool(
    `${plan.runId} beside`,
    (port) => host.busyPorts.has(port),
    portRange(host.environment),
    taken,
  );
}

interface Traces {
  readonly beside: Beside;
  readonly endpoint: string;
  /** Where Grafana asks for them. */
  readonly tempoUrl?: string;
}

/** Tempo where Grafana shows them, else a file of the run that `dynamo ui` reads. */
function planTraces(plan: Plan, { receiver, grafana }: Observers, pool: PortPool): Traces {
  const [grpc, http] = [pool.take(), pool.take()];
  const endpoint = `http://127.0.0.1:${grpc}`;
  if (grafana !== undefined) {
    const ports = { client: http, stream: grpc, rpc: pool.take(), peer: pool.take() };
    return { beside: planTempo(plan, grafana, ports), endpoint, tempoUrl: `http://127.0.0.1:${http}` };
  }
  const spec = watcher(plan, {
    name: 'traces',
    argv: [...receiver, '--grpc-port', String(grpc), '--http-port', String(http), '--file', spansFile(plan)],
    ports: { client: grpc, monitoring: http },
    probe: { kind: 'http', url: `http://127.0.0.1:${http}/ready` },
    ifLost:
      'the receiver of traces is restarted; spans sent in the meantime are lost, requests are not affected',
  });
  const because = '--observe: OTLP over gRPC, kept with the run; dynamo ui shows them';
  return {
    beside: { spec, folders: [], files: [], choice: { what: 'traces', value: endpoint, because } },
    endpoint,
  };
}

/** Every process of upstream's exports its spans. What the profile or `--env` sets stays. */
function traced<P extends Plan>(plan: P, caller: HostFacts['environment']): P {
  if (findEngine(plan.engine)?.python === undefined) return plan;
  return {
    ...plan,
    processes: plan.processes.map((spec) =>
      spec.kind === 'infra'
        ? spec
        : {
            ...spec,
            // The last spans are sent when it ends.
            unusedStopGraceMs: undefined,
            env: { ...tracingVariables({ caller }, spec.name), ...spec.env },
          },
    ),
  };
}

function withBeside<P extends Plan>(
  plan: P,
  beside: readonly Beside[],
  given: readonly Choice[],
  host: HostFacts,
): P {
  const own = plan.infra ?? { folders: [], files: [] };
  const specs = beside.map(({ spec }) => spec);
  return {
    ...plan,
    ...daemonOf(specs, host),
    infra: {
      ...own,
      folders: [
        ...own.folders,
        ...beside.flatMap(({ folders }) => folders.map((path) => ({ path, kept: false }))),
      ],
      files: [...own.files, ...beside.flatMap(({ files }) => files)],
    },
    choices: [...plan.choices, ...given, ...beside.map(({ choice }) => choice)],
    processes: [...plan.processes, ...specs],
    stopOrder: [...plan.stopOrder, specs.map(({ name }) => name)],
  };
}
