/** What a Prometheus scrapes of a run, and the Prometheus that `up --observe` starts beside it. */
import type { ContainerSpec } from './container.ts';
import type { Plan, ProcessSpec } from './plan.ts';
import { isServing, runsModel } from './plan.ts';
import { type Beside, watcher } from './watcher.ts';

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

/** Where it runs: a program of this host, or an image. */
export type PrometheusProgram =
  | { readonly path: string }
  | { readonly image: string; readonly contain: (contents: Contents) => ContainerSpec };

interface Contents {
  readonly image: string;
  readonly dataFolder: string;
  readonly files: readonly string[];
}

/** Scrapes the processes of the plan, listens on loopback, and keeps its data as long as the run. Flags: Prometheus 2.42 and 3. */
export function planPrometheus(plan: Plan, program: PrometheusProgram, port: number): Beside {
  const { runFolder } = plan;
  const url = `http://127.0.0.1:${port}`;
  const dataFolder = `${runFolder}/infra/${prometheusName}`;
  const [configFile, targetsFile] = [`${runFolder}/prometheus.yml`, targetsFileOf(plan)];
  const inImage = 'image' in program;
  const spec = watcher(plan, {
    name: prometheusName,
    argv: [
      ...(inImage ? [] : [program.path]),
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${dataFolder}`,
      '--storage.tsdb.retention.size=1GB',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    ...(inImage
      ? {
          container: program.contain({
            image: program.image,
            dataFolder,
            files: [configFile, targetsFile],
          }),
        }
      : {}),
    ports: { client: port },
    probe: { kind: 'http', url: `${url}/-/ready` },
    ifLost: 'Prometheus is restarted with its data; requests are not affected',
  });
  return {
    spec,
    folders: [dataFolder],
    files: [
      { path: configFile, text: configText(targetsFile) },
      { path: targetsFile, text: targetsText(scrapeEntries(plan)) },
    ],
    choice: {
      what: prometheusName,
      value: url,
      because: `--observe: ${inImage ? `a container of ${program.image}` : program.path}`,
    },
  };
}

/** The plan with the targets of its present processes, for a run that has a Prometheus. */
export function refreshTargets<P extends Plan>(plan: P): P {
  const { infra, runFolder } = plan;
  const path = targetsFileOf({ runFolder });
  if (infra?.files.some((file) => file.path === path) !== true) return plan;
  const text = targetsText(scrapeEntries(plan));
  return {
    ...plan,
    infra: { ...infra, files: infra.files.map((file) => (file.path === path ? { path, text } : file)) },
  };
}

function targetsFileOf({ runFolder }: Pick<Plan, 'runFolder'>): string {
  return `${runFolder}/targets.json`;
}

/** JSON is YAML. One second: a start or a burst is over within few. In a container, nothing tells of a new targets file. */
function configText(targetsFile: string): string {
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    scrape_configs: [
      { job_name: 'dynamo', file_sd_configs: [{ files: [targetsFile], refresh_interval: '5s' }] },
    ],
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/** As the file for `file_sd_configs`. */
export function targetsText(entries: readonly ScrapeEntry[]): string {
  return `${JSON.stringify(entries, undefined, 2)}\n`;
}
