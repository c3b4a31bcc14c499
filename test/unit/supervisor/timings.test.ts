/** Phases of recorded starts, by version of upstream, and what a start took in total. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import type { RunEvent } from '../../../src/supervisor/events.ts';
import { loadStep } from '../../../src/supervisor/log-steps.ts';
import { firstPhaseOf, spansOf, startTimings, type Starter } from '../../../src/supervisor/timings.ts';

const starter: Starter = { name: 'worker', firstPhase: 'imports' };

/** The events of a process that began `before` ms before its first line, with the times of its log. */
function eventsOf(fixture: string, before: number): RunEvent[] {
  const lines = readFileSync(new URL(`../../fixtures/starts/${fixture}.log`, import.meta.url), 'utf8').split(
    /\r|\n/,
  );
  const timed = lines.map(timeOf);
  const first = timed.find((at) => !Number.isNaN(at)) ?? 0;
  let now = first;
  const seen = new Set<string>();
  const steps = lines.flatMap((line, i): RunEvent[] => {
    now = Number.isNaN(timed[i]) ? now : Math.max(now, timed[i] ?? now);
    const progress = loadStep(line);
    if (progress === undefined || (progress.percent === undefined && seen.has(progress.what))) return [];
    seen.add(progress.what);
    return [{ at: now, type: 'progress', process: 'worker', progress }];
  });
  return [
    { at: first - before, type: 'run', phase: 'starting' },
    { at: first - before, type: 'process', process: 'worker', state: 'starting' },
    { at: first - before, type: 'process', process: 'worker', state: 'started', pid: 1 },
    ...steps,
    { at: now, type: 'process', process: 'worker', state: 'ready' },
    { at: now, type: 'run', phase: 'proving' },
    {
      at: now + 500,
      type: 'ready',
      proof: { request: 'chat', answer: '', tookMs: 500, usedRoles: [] },
      tookMs: now + 500 - first + before,
    },
  ];
}

/** SGLang's image workers log in local time, which was UTC. */
function timeOf(line: string): number {
  const [, short] = /^\[(\d\d-\d\d [\d:]+)\]/.exec(line) ?? [];
  if (short !== undefined) return Date.parse(`2026-${short.replace(' ', 'T')}Z`);
  return Date.parse(/^\d{4}-\d\d-\d\dT[\d:.]+Z/.exec(line)?.[0] ?? '');
}

/** In tenths of a second, without what took less. */
function phasesOf(fixture: string, before: number): string[] {
  const [worker] = startTimings([starter], eventsOf(fixture, before))?.processes ?? [];
  return (worker?.phases ?? [])
    .filter(({ ms }) => ms >= 50)
    .map(({ phase, ms }) => `${phase} ${(ms / 1000).toFixed(1)}`);
}

describe('phases of recorded starts', () => {
  it('SGLang of 1.4.2 on an H200', () => {
    expect(phasesOf('sglang-1.4.2-h200', 14_500)).toEqual([
      'imports 29.2',
      'ranks 1.4',
      'weights 0.1',
      'kv-cache 0.1',
      'graph-capture 12.4',
      'registration 0.2',
    ]);
  });

  it('its image worker, which logs in another form', () => {
    const names = spansOf(starter, eventsOf('sglang-1.4.2-h200-images', 20_000), 0).map(({ phase }) => phase);
    expect([...new Set(names)]).toEqual([
      undefined,
      'imports',
      'configuration',
      'ranks',
      'weights',
      'registration',
    ]);
  });

  it('SGLang of 1.4.2 on a CPU: nearly all of it are imports, of the worker and then of its engine', () => {
    expect(phasesOf('sglang-1.4.2-cpu-decode', 60_000)).toEqual([
      'imports 177.2',
      'configuration 0.5',
      'ranks 7.9',
      'weights 0.1',
      'kv-cache 0.4',
      'registration 0.9',
    ]);
  });

  it.each(['mocker-1.1.1', 'mocker-1.6.1', 'frontend-1.1.1', 'frontend-1.6.1'])('%s', (fixture) => {
    const [imports, ...rest] = phasesOf(fixture, 2_000);
    expect(imports).toMatch(/^imports 2\.\d/);
    // Both are done within a tenth of a second.
    for (const phase of rest) expect(phase).toMatch(/^(configuration|registration) 0\.[1-3]$/);
    const seen = spansOf(starter, eventsOf(fixture, 2_000), 0).map(({ phase }) => phase);
    expect(seen).toContain('configuration');
  });
});

test('a program whose first phase is not known, and a bar that no row names, are called unknown', () => {
  expect(firstPhaseOf({ argv: ['/usr/bin/etcd', '--name', 'x'] })).toBe('unknown');
  expect(firstPhaseOf({ argv: ['/env/bin/python3', '-m', 'dynamo.sglang'] })).toBe('imports');
  expect(loadStep('Polishing gems:  40%|████      | 2/5 [00:03<00:05,  1.71s/it]')).toMatchObject({
    phase: 'unknown',
    what: 'Polishing gems',
    percent: 40,
  });
});

describe('startTimings', () => {
  const events = eventsOf('mocker-1.6.1', 2_000);

  it('adds up to the time until the process was ready, and names what it waited for', () => {
    const [run, starting, ...rest] = events as [RunEvent, RunEvent, ...RunEvent[]];
    const waited = { for: 'etcd to be ready', ms: 1_500 };
    const timings = startTimings(
      [starter],
      [
        { ...run, at: run.at - 1_500 },
        { ...starting, ...(starting.type === 'process' ? { waited } : {}) },
        ...rest,
      ],
    );
    const [worker] = timings?.processes ?? [];
    expect(worker?.waited).toEqual(waited);
    expect(worker?.phases.reduce((sum, { ms }) => sum + ms, 0)).toBe(worker?.readyMs);
    expect(timings?.proofMs).toBe(500);
  });

  it('is unknown of a run that did not come to serve', () => {
    expect(startTimings([starter], events.slice(0, -1))).toBeUndefined();
    expect(startTimings([starter], [])).toBeUndefined();
  });

  it('leaves out what came after: a restart is another start', () => {
    const later: RunEvent[] = [
      { at: events.at(-1)!.at + 1, type: 'process', process: 'worker', state: 'failed' },
      { at: events.at(-1)!.at + 9_000, type: 'process', process: 'worker', state: 'ready' },
    ];
    expect(startTimings([starter], [...events, ...later])).toEqual(startTimings([starter], events));
  });
});
