/** What is written down about runs can be read back, whatever a crash left of it. */
import { appendFileSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RunEvent } from '../../../src/supervisor/event.ts';
import { appendEvent, readEvents } from '../../../src/run/event-file.ts';
import { runFiles, type StateFolders } from '../../../src/run/folders.ts';
import { readPlan, type RunRecord, storedRuns, writePlan, writeRecord } from '../../../src/run/record.ts';
import { newRunId } from '../../../src/run/run-id.ts';
import { fakePlan } from '../../support/fake-plan.ts';
import { tempFolder } from '../../support/temp-folder.ts';

function store(): { folders: StateFolders; filesOf: (runId: string) => ReturnType<typeof runFiles> } {
  const folders = { runs: tempFolder(), names: '', ports: '', gpus: '', infra: '', sockets: '' };
  return {
    folders,
    filesOf: (runId) => {
      const files = runFiles(folders, runId);
      mkdirSync(files.folder, { recursive: true });
      return files;
    },
  };
}

const record = (runId: string, startedAt: number): RunRecord => ({
  runId,
  name: 'agg',
  startedAt,
  detached: true,
  version: '0.1.0',
  supervisor: { bootId: 'boot', pid: startedAt, startTime: '1' },
});

test('runs are listed oldest first, each with whether its supervisor lives', () => {
  const { folders, filesOf } = store();
  for (const [runId, at] of [
    ['b', 3],
    ['a', 9],
    ['c', 1],
  ] as const)
    writeRecord(filesOf(runId), record(runId, at));
  const runs = storedRuns(folders, ({ pid }) => pid === 9);
  expect(runs.map((run) => [run.record.runId, run.supervised])).toEqual([
    ['c', false],
    ['b', false],
    ['a', true],
  ]);
});

test('folders without a readable record are no runs', () => {
  const { folders, filesOf } = store();
  writeFileSync(filesOf('torn').run, '{"runId":"torn"');
  filesOf('empty');
  writeFileSync(join(folders.runs, 'stray'), '');
  writeRecord(filesOf('good'), record('good', 1));
  expect(storedRuns(folders, () => true).map((run) => run.record.runId)).toEqual(['good']);
});

test('a plan is read back as it was, by its owner only, and no draft stays', () => {
  const { filesOf } = store();
  const files = filesOf('a');
  const plan = fakePlan();
  writePlan(files, plan);
  expect(readPlan(files)).toEqual(plan);
  expect(statSync(files.plan).mode & 0o777).toBe(0o600);
  expect(readdirSync(files.folder)).toEqual(['plan.json']);
  expect(readPlan(filesOf('b'))).toBeUndefined();
});

test('events are read back in order, a torn last line left out', () => {
  const { filesOf } = store();
  const files = filesOf('a');
  expect(readEvents(files)).toEqual([]);
  const events: RunEvent[] = [
    { at: 1, type: 'run', phase: 'starting' },
    { at: 2, type: 'waiting', for: 'a line\nwith a newline' },
  ];
  for (const event of events) appendEvent(files, event);
  appendFileSync(files.events, '{"at":3,"type":"ru');
  expect(readEvents(files)).toEqual(events);
});

test('run ids carry the name and differ', () => {
  const ids = new Set(Array.from({ length: 50 }, () => newRunId('agg')));
  expect(ids.size).toBeGreaterThan(45);
  for (const id of ids) expect(id).toMatch(/^agg-[a-z2-9]{4}$/);
});
