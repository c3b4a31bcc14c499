/** What a Prometheus scrapes of a run, and the Prometheus that `up --observe` starts beside it. */
import type { Plan, ProcessSpec, RestartRule } from './plan.ts';
import { isServing, runsModel } from './plan.ts';
import { portPool, portRange } from './ports.ts';
import type { HostFacts } from './request.ts';

/** An entry of a file for `file_sd_configs`. Source: Prometheus 2.42, Configuration. */
export interface ScrapeEntry {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Each process with a page of metrics, in the order of the plan. Ports stay with a process when it is restarted. NATS has no
 * such page.
 */
export function scrapeEntries(plan: Plan): ScrapeEntry[] {
  const { runId, name: run } = plan;
  // Upstream's own labels, such as model, stay as they are.
  const engine = runsModel(plan) ? { engine: plan.engine } : {};
  return plan.processes.flatMap((spec): ScrapeEntry[] => {
    const target = targetOf(spec, plan);
    if (target === undefined) return [];
    const { name: process, component, kind, mode } = spec;
    const labels = {
      run,
      run_id: runId,
      process,
      component,
      role: mode ?? (kind === 'infra' ? component : kind),
    };
    return [{ targets: [target], labels: { ...labels, ...engine } }];
  });
}

function targetOf({ kind, component, ports }: ProcessSpec, plan: Plan): string | undefined {
  if (kind === 'frontend') return isServing(plan) ? new URL(plan.http.url).host : undefined;
  const port = kind === 'worker' ? ports.system : component === 'etcd' ? ports.client : undefined;
  return port === undefined ? undefined : `127.0.0.1:${port}`;
}

/** Name of the process. */
export const prometheusName = 'prometheus';

/** Watching must not end what is watched: it is restarted without an end. */
const restart: RestartRule = { policy: 'always', windowMs: 600_000, firstDelayMs: 500, maxDelayMs: 30_000 };

/**
 * The plan with a Prometheus that scrapes its processes, listens on loopback, and keeps its data as long as the run. It is
 * stopped last. Flags: Prometheus 2.42 and 3.
 */
export function withPrometheus<P extends Plan>(plan: P, program: string, host: HostFacts): P {
  const taken = plan.processes.flatMap(({ ports }) => Object.values(ports));
  const pool = portPool(
    `${plan.runId} ${prometheusName}`,
    (port) => host.busyPorts.has(port),
    portRange(host.environment),
    taken,
  );
  const port = pool.take();
  const { runFolder, runId, infra } = plan;
  const url = `http://127.0.0.1:${port}`;
  const dataFolder = `${runFolder}/infra/${prometheusName}`;
  const [configFile, targetsFile] = [`${runFolder}/prometheus.yml`, `${runFolder}/targets.json`];
  const spec: ProcessSpec = {
    name: prometheusName,
    kind: 'infra',
    component: prometheusName,
    argv: [
      program,
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${dataFolder}`,
      '--storage.tsdb.retention.size=1GB',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    env: { DYNAMO_RUN_ID: runId, DYNAMO_PROCESS: prometheusName },
    cwd: runFolder,
    ports: { client: port },
    gpus: [],
    dependsOn: [],
    probe: { kind: 'http', url: `${url}/-/ready` },
    startupTimeoutMs: 60_000,
    stopGraceMs: Math.min(10_000, plan.stopTimeoutMs ?? Infinity),
    restart,
    watches: true,
    ifLost: 'Prometheus is restarted with its data; requests are not affected',
    logFile: `${runFolder}/logs/${prometheusName}.log`,
  };
  const own = infra ?? { folders: [], files: [] };
  return {
    ...plan,
    infra: {
      ...own,
      folders: [...own.folders, { path: dataFolder, kept: false }],
      files: [
        ...own.files,
        { path: configFile, text: configText(targetsFile) },
        { path: targetsFile, text: targetsText(scrapeEntries(plan)) },
      ],
    },
    choices: [...plan.choices, { what: prometheusName, value: url, because: `--observe: ${program}` }],
    processes: [...plan.processes, spec],
    stopOrder: [...plan.stopOrder, [prometheusName]],
  };
}

/** JSON is YAML. One second: a start or a burst is over within few. */
function configText(targetsFile: string): string {
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    scrape_configs: [{ job_name: 'dynamo', file_sd_configs: [{ files: [targetsFile] }] }],
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/** As the file for `file_sd_configs`. */
export function targetsText(entries: readonly ScrapeEntry[]): string {
  return `${JSON.stringify(entries, undefined, 2)}\n`;
}
