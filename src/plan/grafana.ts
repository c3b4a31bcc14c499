/**
 * Tempo and Grafana in containers, beside a run: `up --grafana`. Both share the network of the host and listen on loopback
 * only. Versions and settings: upstream's docker-observability.yml (1.6).
 */
import type { ContainerSpec, Mount } from './container.ts';
import type { Plan, ProcessSpec } from './plan.ts';
import { type Beside, watcher } from './watcher.ts';

export interface GrafanaParts {
  readonly images: { readonly grafana: string; readonly tempo: string };
  /** Folders with boards, on this host. */
  readonly boards: readonly string[];
  /** User and group that own the files of this user. */
  readonly user: string;
}

/** With the network of the host: what listens there must listen on loopback. */
export function containerBeside(image: string, user: string, mounts: readonly Mount[]): ContainerSpec {
  return {
    image,
    user,
    network: 'host',
    published: [],
    mounts,
    passes: [],
    gpus: [],
    limits: { memoryBytes: 2 * 1024 ** 3, pids: 1024, ulimits: [] },
    init: false,
    hostIpc: false,
    capabilities: [],
  };
}

export function readOnly(path: string): Mount {
  return { source: path, target: path, readOnly: true };
}

/** `client`: its HTTP API; `stream`: OTLP over gRPC; `rpc` and `peer`: its own. Keys: Tempo 2.8. */
export function planTempo(
  plan: Plan,
  { images, user }: GrafanaParts,
  ports: Record<'client' | 'stream' | 'rpc' | 'peer', number>,
): Beside {
  const dataFolder = `${plan.runFolder}/infra/tempo`;
  const configFile = `${plan.runFolder}/tempo.yml`;
  const loopback = '127.0.0.1';
  const config = {
    server: {
      http_listen_address: loopback,
      http_listen_port: ports.client,
      grpc_listen_address: loopback,
      grpc_listen_port: ports.rpc,
      log_level: 'warn',
    },
    distributor: {
      receivers: { otlp: { protocols: { grpc: { endpoint: `${loopback}:${ports.stream}` } } } },
    },
    // Otherwise it says for 15 s that it is not ready.
    ingester: { lifecycler: { address: loopback, min_ready_duration: '0s' }, max_block_duration: '5m' },
    // A single Tempo has no members to join; if it opens this port at all, then on loopback.
    memberlist: { bind_addr: [loopback], bind_port: ports.peer },
    compactor: { compaction: { block_retention: '24h' } },
    storage: {
      trace: { backend: 'local', wal: { path: '/data/wal' }, local: { path: '/data/blocks' } },
    },
    usage_report: { reporting_enabled: false },
  };
  const spec = watcher(plan, {
    name: 'tempo',
    argv: [`-config.file=${configFile}`],
    container: containerBeside(images.tempo, user, [
      { source: dataFolder, target: '/data', readOnly: false },
      readOnly(configFile),
    ]),
    ports,
    probe: { kind: 'http', url: `http://${loopback}:${ports.client}/ready` },
    ifLost:
      'Tempo is restarted with its data; spans sent in the meantime are lost, requests are not affected',
  });
  return {
    spec,
    folders: [dataFolder],
    files: [{ path: configFile, text: jsonText(config) }],
    choice: {
      what: 'traces',
      value: `http://${loopback}:${ports.stream}`,
      because: `--grafana: OTLP over gRPC, to a container of ${images.tempo}`,
    },
  };
}

export interface GrafanaLinks {
  readonly port: number;
  readonly prometheusUrl: string;
  /** Absent if spans go to a collector of the user's. */
  readonly tempoUrl: string | undefined;
}

/** Where it looks for what we provision, inside the container. */
const provisioning = '/etc/dynamo/provisioning';

export function planGrafana(
  plan: Plan,
  { images, user, boards }: GrafanaParts,
  { port, prometheusUrl, tempoUrl }: GrafanaLinks,
): Beside {
  const { runFolder } = plan;
  const dataFolder = `${runFolder}/infra/grafana`;
  const sourcesFile = `${runFolder}/grafana-datasources.yml`;
  const providersFile = `${runFolder}/grafana-dashboards.yml`;
  const url = `http://127.0.0.1:${port}`;
  const places = boards.map((source, index) => ({ source, target: `/etc/dynamo/boards/${index + 1}` }));
  const spec = watcher(plan, {
    name: 'grafana',
    // The image's entry point starts it.
    argv: [],
    container: containerBeside(images.grafana, user, [
      { source: dataFolder, target: '/data', readOnly: false },
      { source: sourcesFile, target: `${provisioning}/datasources/dynamo.yml`, readOnly: true },
      { source: providersFile, target: `${provisioning}/dashboards/dynamo.yml`, readOnly: true },
      ...places.map((place) => ({ ...place, readOnly: true })),
    ]),
    env: grafanaVariables(port),
    ports: { client: port },
    probe: { kind: 'http', url: `${url}/api/health` },
    ifLost: 'Grafana is restarted with its data; requests are not affected',
  });
  return {
    spec,
    folders: [dataFolder],
    files: [
      { path: sourcesFile, text: jsonText(sources(prometheusUrl, tempoUrl)) },
      { path: providersFile, text: jsonText(providers(places)) },
    ],
    choice: { what: 'grafana', value: url, because: `--grafana: a container of ${images.grafana}` },
  };
}

/** Whoever reaches loopback may look and try queries, and nobody can log in as its administrator. Names: Grafana 12.2. */
function grafanaVariables(port: number): ProcessSpec['env'] {
  return {
    GF_SERVER_HTTP_ADDR: '127.0.0.1',
    GF_SERVER_HTTP_PORT: String(port),
    GF_PATHS_DATA: '/data',
    GF_PATHS_LOGS: '/data/log',
    GF_PATHS_PLUGINS: '/data/plugins',
    GF_PATHS_PROVISIONING: provisioning,
    GF_AUTH_ANONYMOUS_ENABLED: 'true',
    GF_AUTH_ANONYMOUS_ORG_ROLE: 'Editor',
    GF_AUTH_BASIC_ENABLED: 'false',
    GF_AUTH_DISABLE_LOGIN_FORM: 'true',
    GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: '/etc/dynamo/boards/1/dynamo.json',
    // Nothing is asked of, or sent to, other hosts.
    GF_ANALYTICS_REPORTING_ENABLED: 'false',
    GF_ANALYTICS_CHECK_FOR_UPDATES: 'false',
    GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: 'false',
    GF_NEWS_NEWS_FEED_ENABLED: 'false',
    GF_PLUGINS_PREINSTALL_DISABLED: 'true',
    GF_LOG_MODE: 'console',
    GF_LOG_LEVEL: 'warn',
  };
}

/** Source: Grafana 12, Provision Grafana, Data sources. */
function sources(prometheusUrl: string, tempoUrl: string | undefined): object {
  const shared = { access: 'proxy', editable: true };
  return {
    apiVersion: 1,
    datasources: [
      {
        name: 'Prometheus',
        uid: 'prometheus',
        type: 'prometheus',
        url: prometheusUrl,
        isDefault: true,
        jsonData: { timeInterval: '1s' },
        ...shared,
      },
      ...(tempoUrl === undefined
        ? []
        : [{ name: 'Tempo', uid: 'tempo', type: 'tempo', url: tempoUrl, ...shared }]),
    ],
  };
}

/** Source: Grafana 12, Provision Grafana, Dashboards. */
function providers(places: readonly { readonly target: string }[]): object {
  return {
    apiVersion: 1,
    providers: places.map(({ target }, index) => ({
      name: index === 0 ? 'dynamo' : `dynamo-${index + 1}`,
      folder: index === 0 ? 'Dynamo' : 'More',
      type: 'file',
      allowUiUpdates: true,
      options: { path: target },
    })),
  };
}

/** JSON is YAML. */
function jsonText(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
