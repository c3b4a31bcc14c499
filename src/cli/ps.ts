/** `dynamo ps`: runs and their processes, from their supervisors, and from their files where those are gone. */
import { isAlive } from '../process/identity.ts';
import { askStatus } from '../run/control-client.ts';
import { readEvents } from '../run/event-file.ts';
import { socketPath, stateFolders, type StateFolders } from '../run/folders.ts';
import { readPlan, storedRuns, type StoredRun } from '../run/record.ts';
import { initialStatus, reduce, type RunStatus } from '../supervisor/status.ts';
import { runTable, type RunView } from '../view/run-table.ts';
import { styleFor } from '../view/style.ts';
import { requireLinux } from './platform.ts';
import { trackerOf } from './reap-run.ts';
import type { Configure } from './verbs.ts';

export const configure: Configure = (command, settle) => {
  command
    .option('-a, --all', 'also runs that have ended')
    .option('--json', 'as JSON on stdout')
    .action(async (flags: { all?: true; json?: true }) => settle(await ps(flags)));
};

async function ps(flags: { all?: true; json?: true }): Promise<number> {
  requireLinux('ps');
  const folders = stateFolders(process.env);
  const views = await Promise.all(storedRuns(folders, isAlive).map((run) => viewOf(folders, run)));
  const shown = views.filter((view) => view !== undefined).filter((view) => flags.all === true || isUp(view));
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify({ version: 1, runs: shown }, undefined, 2)}\n`);
  } else if (shown.length === 0) {
    process.stderr.write('nothing is up; `dynamo ps --all` shows runs that have ended\n');
  } else {
    process.stdout.write(`${runTable(shown, styleFor(process.stdout, process.env))}\n`);
  }
  return 0;
}

function isUp({ state }: RunView): boolean {
  return state !== 'stopped' && state !== 'failed';
}

async function viewOf(folders: StateFolders, run: StoredRun): Promise<RunView | undefined> {
  const { record, files } = run;
  const plan = readPlan(files);
  if (plan === undefined) return undefined;
  const stored = (): RunStatus => readEvents(files).reduce(reduce, initialStatus(plan, record.startedAt));
  const status = run.supervised ? await askStatus(socketPath(folders, record.runId)).catch(stored) : stored();
  const living = run.supervised || record.endedAt !== undefined ? [] : await trackerOf(run).look();
  const ended = status.phase === 'failed' ? 'failed' : 'stopped';
  return {
    runId: record.runId,
    name: record.name,
    profile: plan.profile.name,
    engine: plan.engine,
    state: run.supervised ? status.phase : living.length > 0 ? 'orphaned' : ended,
    url: plan.http.url,
    startedAt: new Date(record.startedAt).toISOString(),
    detached: record.detached,
    supervisorPid: record.supervisor.pid,
    logs: files.logs,
    processes: plan.processes.map((spec) => {
      const known = status.processes[spec.name];
      const alive = run.supervised || living.some((owned) => owned.process === spec.name);
      return {
        name: spec.name,
        state: alive ? (known?.state ?? 'pending') : known?.state === 'failed' ? 'failed' : 'stopped',
        pid: known?.pid,
        restarts: known?.restarts ?? 0,
        gpus: spec.gpus,
        ports: spec.ports,
        since: new Date(known?.since ?? record.startedAt).toISOString(),
      };
    }),
  };
}
