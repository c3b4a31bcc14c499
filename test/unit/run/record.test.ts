/** Records of runs can be read back, whatever a crash left of them. */
import { appendFileSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Plan } from '../../../src/plan/plan.ts';
import type { RunEvent } from '../../../src/supervisor/events.ts';
import {
  appendEvent,
  hasKnownSupervisor,
  markEnded,
  readEvents,
  readPlan,
  type RunRecord,
  storedRuns,
  writePlan,
  writeRecord,
} from '../../../src/run/record.ts';
import { newRunId, runFiles, type StateFolders } from '../../../src/run/folders.ts';
import { claim } from '../../../src/run/claim.ts';
import { fakePlan } from '../../support/profile.ts';
import { tempFolder } from '../../support/temp-folder.ts';

function store(): { folders: StateFolders; filesOf: (runId: string) => ReturnType<typeof runFiles> } {
  const folders = {
    runs: tempFolder(),
    names: tempFolder(),
    ports: tempFolder(),
    gpus: tempFolder(),
    infra: '',
    sockets: '',
  };
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

test('runs are listed oldest first, with whether their supervisor lives', () => {
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

test('folders where nothing was started, and stray files, are not runs', () => {
  const { folders, filesOf } = store();
  filesOf('empty');
  writeFileSync(join(folders.runs, 'stray'), '');
  writeRecord(filesOf('good'), record('good', 1));
  expect(storedRuns(folders, () => true).map((run) => run.record.runId)).toEqual(['good']);
});

const record1 = record('agg-ab12', 1);
test.each([
  ['truncated', '{"runId":"agg-ab12"', 'truncated'],
  ['empty', '', 'empty'],
  ['of another shape', JSON.stringify({ ...record1, supervisor: { pid: '7' } }), 'supervisor'],
  ['of a newer version', JSON.stringify({ ...record1, format: 2 }), 'format 2'],
  ['of another run', JSON.stringify({ ...record1, runId: 'other' }), 'run other'],
])('a record that is %s hides no run: the claim on its name identifies it', (_, text, why) => {
  const { folders, filesOf } = store();
  writeFileSync(filesOf('agg-ab12').run, text);
  writeRecord(filesOf('good'), record('good', 1));
  claim(join(folders.names, 'mine'), { runId: 'agg-ab12', holder: record1.supervisor }, () => true);
  const damaged = storedRuns(folders, () => true).find((run) => run.record.runId === 'agg-ab12');
  expect(damaged).toMatchObject({
    record: { name: 'mine', supervisor: record1.supervisor },
    supervised: true,
  });
  expect(damaged?.damage).toContain(why);
  expect(storedRuns(folders, () => true)).toHaveLength(2);
});

test('a run without any other record has no supervisor', () => {
  const { folders, filesOf } = store();
  const files = filesOf('agg-ab12');
  writeFileSync(files.ledger, '');
  const [run] = storedRuns(folders, () => false);
  expect(run).toMatchObject({ record: { runId: 'agg-ab12', name: 'agg' }, supervised: false });
  if (run === undefined) throw new Error('no run');
  expect(hasKnownSupervisor(run)).toBe(false);
  markEnded(files, run.record);
  expect(storedRuns(folders, () => false)[0]?.damage).toBeUndefined();
});

test('a run whose folder is gone is known by the name that its supervisor has claimed', () => {
  const { folders } = store();
  const { supervisor } = record1;
  claim(join(folders.names, 'agg'), { runId: 'agg-ab12', holder: supervisor, supervises: true }, () => true);
  claim(join(folders.names, 'soon'), { runId: 'soon-ab12', holder: supervisor }, () => true);
  expect(storedRuns(folders, () => true).map((run) => [run.record.runId, run.supervised])).toEqual([
    ['agg-ab12', true],
  ]);
  expect(storedRuns(folders, () => false)).toEqual([]);
});

test('a plan is read back unchanged, only by its owner, and no draft remains', () => {
  const { filesOf } = store();
  const plan = fakePlan();
  const files = filesOf(plan.runId);
  writePlan(files, plan);
  expect(readPlan(files)).toEqual(plan);
  expect(statSync(files.plan).mode & 0o777).toBe(0o600);
  expect(readdirSync(files.folder)).toEqual(['plan.json']);
  expect(readPlan(filesOf('b'))).toBeUndefined();
});

test('the plan of an older version, without the graces it did not record, is read', () => {
  const { filesOf } = store();
  const plan = fakePlan();
  const processes = plan.processes.map((spec) => ({ ...spec, loadingStopGraceMs: undefined }));
  const files = filesOf(plan.runId);
  writePlan(files, { ...plan, processes });
  expect(readPlan(files)?.processes.map(({ loadingStopGraceMs }) => loadingStopGraceMs)).toEqual(
    processes.map(() => undefined),
  );
});

test('a serving plan needs a proof; an infrastructure plan has neither engine nor proof', () => {
  const { filesOf } = store();
  const { proof: _proof, ...unproved } = fakePlan();
  const files = filesOf(unproved.runId);
  writePlan(files, unproved as Plan);
  expect(readPlan(files)).toBeUndefined();
  const { model: _model, http: _http, ...rest } = unproved;
  writePlan(files, rest as Plan);
  expect(readPlan(files)).toBeUndefined();
  writePlan(files, { ...rest, engine: 'none', infra: { folders: [], files: [] } });
  expect(readPlan(files)).toMatchObject({ engine: 'none' });
});

test('events are read back in order, without a torn last line', () => {
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

test('run ids contain the name and are unique', () => {
  const ids = new Set(Array.from({ length: 50 }, () => newRunId('agg')));
  expect(ids.size).toBeGreaterThan(45);
  for (const id of ids) expect(id).toMatch(/^agg-[a-z2-9]{4}$/);
});
