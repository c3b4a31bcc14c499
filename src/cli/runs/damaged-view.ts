/** A run as `ps` shows it where its plan cannot be read: what the ledger and the claims tell, so that it can be ended. */
import { existsSync } from 'node:fs';
import type { OwnedProcess } from '../../process/owned.ts';
import type { Usage } from '../../process/usage.ts';
import type { StoredRun } from '../../run/record.ts';
import type { ProcessView, RunView } from '../../view/run-table.ts';

/** `usage` is by process, of `living`. */
export function damagedView(
  { record, files }: StoredRun,
  living: readonly OwnedProcess[],
  usage: ReadonlyMap<string, Usage>,
  supervisor: RunView['supervisor'],
): RunView {
  const since = new Date(record.startedAt).toISOString();
  const processes = [...usage].map(([name, { memoryBytes, cpuMs, ageMs }]): ProcessView => {
    const pid = living.find(({ process, evidence }) => process === name && evidence === 'ledger')?.pid;
    return {
      name,
      state: 'unknown',
      pid,
      health: '-',
      restarts: 0,
      cpuPercent: (100 * cpuMs) / Math.max(1, ageMs),
      memoryBytes,
      gpus: [],
      ports: {},
      since,
    };
  });
  return {
    runId: record.runId,
    name: record.name,
    profile: record.runId,
    engine: 'unknown engine',
    state: existsSync(files.folder) ? 'record unreadable' : 'folder removed',
    url: '',
    startedAt: since,
    detached: record.detached,
    supervisorPid: record.supervisor.pid,
    supervisor,
    logs: files.logs,
    processes,
  };
}
