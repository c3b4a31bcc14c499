/** Runs and their processes as a table; the same value is what `ps --json` prints. */
import type { ChalkInstance } from 'chalk';
import type { Plan } from '../plan/plan.ts';
import type { RunStatus } from '../supervisor/status.ts';
import { durationText } from './duration.ts';
import { tableText } from './table.ts';

/** `orphaned`: the supervisor is dead, processes of it live. */
export interface RunView {
  readonly runId: string;
  readonly name: string;
  readonly profile: string;
  readonly engine: string;
  readonly state: RunStatus['phase'] | 'orphaned';
  readonly url: string;
  readonly startedAt: string;
  readonly detached: boolean;
  readonly supervisorPid: number;
  readonly logs: string;
  readonly processes: readonly ProcessView[];
}

export interface ProcessView {
  readonly name: string;
  readonly state: string;
  readonly pid: number | undefined;
  readonly restarts: number;
  readonly gpus: readonly string[];
  readonly ports: Plan['processes'][number]['ports'];
  readonly since: string;
}

/** A row a run, then one for each of its processes. Ends without a newline. */
export function runTable(views: readonly RunView[], style: ChalkInstance): string {
  const heading = ['RUN', 'PROCESS', 'STATE', 'RESTARTS', 'PID', 'GPUS', 'PORTS', 'SINCE'].map((text) =>
    style.dim(text),
  );
  const rows = views.flatMap((view) => [
    [
      style.bold(view.name),
      view.engine === 'none' ? 'shared by runs' : `${view.profile} on ${view.engine}`,
      coloured(view.state, style),
      '',
      String(view.supervisorPid),
      '',
      view.url,
      age(view.startedAt),
    ],
    ...view.processes.map((each) => [
      '',
      each.name,
      coloured(each.state, style),
      String(each.restarts),
      String(each.pid ?? '-'),
      each.gpus.join(',') || '-',
      Object.entries(each.ports)
        .map(([name, port]) => `${name}:${port}`)
        .join(' '),
      age(each.since),
    ]),
  ]);
  return tableText([heading, ...rows]);
}

function coloured(state: string, style: ChalkInstance): string {
  if (state === 'ready') return style.green(state);
  if (state === 'failed' || state === 'orphaned') return style.red(state);
  return style.yellow(state);
}

function age(since: string): string {
  return durationText(Date.now() - Date.parse(since));
}
