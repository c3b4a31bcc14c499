import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chosenLines } from '../../../src/page/log-filter.ts';
import type { LogLine, ProcessDetail } from '../../../src/page/messages.ts';
import { lanesOf, marksOf } from '../../../src/page/timeline.ts';
import { conditionOf, runCondition, wiringOf } from '../../../src/page/wiring.ts';
import { durationText, latencyText, numberText, percentText } from '../../../src/page/format.ts';
import { levelOf, lineReader } from '../../../src/ui/log-lines.ts';
import type { RunEvent } from '../../../src/supervisor/events.ts';

const process = (name: string, mode?: ProcessDetail['mode']): ProcessDetail => ({
  name,
  kind: name === 'frontend' ? 'frontend' : name === 'etcd' ? 'infra' : 'worker',
  component: name,
  mode,
  ports: {},
  gpus: [],
  dependsOn: [],
  restarts: 'no',
  logFile: '',
  firstPhase: 'unknown' as const,
  command: '',
});

describe('wiringOf', () => {
  it('puts roles in the order of a request, and says what goes between them', () => {
    const wiring = wiringOf({
      processes: [
        process('etcd'),
        process('decode', 'decode'),
        process('encode', 'encode'),
        process('frontend'),
        process('prefill', 'prefill'),
      ],
    });
    expect(wiring.columns.map(({ role }) => role)).toEqual(['frontend', 'encode', 'prefill', 'decode']);
    expect(wiring.transfers.map(({ from, to, what }) => [from, to, what])).toEqual([
      ['encode', 'prefill', 'images'],
      ['prefill', 'decode', 'KV cache'],
    ]);
    expect(wiring.infra.map(({ name }) => name)).toEqual(['etcd']);
  });
});

describe('conditions', () => {
  it('are words, and nothing is ready without a supervisor', () => {
    const status = { name: 'w', state: 'ready', since: 0, restarts: 0 } as const;
    expect(conditionOf(status, true)).toEqual({ tone: 'good', word: 'ready' });
    expect(conditionOf(status, false)).toEqual({ tone: 'idle', word: 'stopped' });
    expect(conditionOf({ ...status, unhealthy: 'no answer' }, true).word).toBe('unhealthy');
    expect(
      runCondition('ready', [conditionOf(status, true), conditionOf({ ...status, state: 'backoff' }, true)]),
    ).toEqual({
      tone: 'warn',
      word: 'ready, 1 of 2 not',
    });
  });
});

const events: readonly RunEvent[] = [
  {
    at: 100,
    type: 'process',
    process: 'w',
    state: 'starting',
    waited: { for: 'prefill to be ready', ms: 90_000 },
  },
  { at: 110, type: 'process', process: 'w', state: 'started', pid: 1 },
  {
    at: 200,
    type: 'progress',
    process: 'w',
    progress: { doing: 'downloading', what: 'model.safetensors', percent: 5 },
  },
  {
    at: 300,
    type: 'progress',
    process: 'w',
    progress: { doing: 'downloading', what: 'model.safetensors', percent: 90 },
  },
  { at: 400, type: 'progress', process: 'w', progress: { doing: 'loading', what: 'weights' } },
  { at: 500, type: 'process', process: 'w', state: 'ready' },
  { at: 510, type: 'ready', proof: { request: '', answer: '', tookMs: 1, usedRoles: [] }, tookMs: 510 },
  { at: 900, type: 'process', process: 'w', state: 'failed' },
  { at: 950, type: 'process', process: 'w', state: 'backoff' },
];

describe('the timeline', () => {
  it('has a bar for each phase, in order and without gaps', () => {
    const [lane] = lanesOf([{ name: 'w' }], events, 0);
    expect(lane?.bars.map(({ kind, text }) => `${kind}: ${text}`)).toEqual([
      'waiting: waited 90 s for prefill to be ready',
      'starting: starts',
      'loading: starts up and loads',
      'downloading: downloading model.safetensors',
      'loading: loading weights',
      'ready: ready',
      'down: failed',
      'restarting: waits before it is restarted',
    ]);
    for (const [index, bar] of (lane?.bars ?? []).slice(1).entries())
      expect(lane?.bars[index]?.to).toBe(bar.from);
  });

  it('marks what happened after the run was ready', () => {
    expect(marksOf(events).map(({ text }) => text)).toEqual(['ready', 'w ended']);
  });
});

describe('levels of log lines', () => {
  it.each([
    ['2026-11-29T12:20:22.389Z  WARN dynamo: the ERROR was gone', 'warn'],
    ['{"level":"error","ts":"2026"}', 'error'],
    ['[1] 2026/11/29 12:00:00.000000 [ERR] nats', 'error'],
    ['Traceback (most recent call last):', 'error'],
    ['RuntimeError: CUDA out of memory', 'error'],
    ['nothing of the kind', undefined],
  ])('%s', (line, level) => expect(levelOf(line)).toBe(level));

  it('continue over lines without a time', () => {
    const read = lineReader('w', undefined);
    const lines = ['2026-11-29T12:00:00Z ERROR a', '  at b', '2026-11-29T12:00:01Z c'].map(read);
    expect(lines.map(({ level }) => level)).toEqual(['error', 'error', 'none']);
    expect(lines[1]?.at).toBe(lines[0]?.at);
  });
});

describe('chosenLines', () => {
  it('never throws while an expression is typed, and an unfinished one is text', () => {
    const lines: LogLine[] = [{ process: 'w', level: 'info', text: 'a /( b' }];
    fc.assert(
      fc.property(
        fc.string(),
        (text) => chosenLines(lines, { processes: [], level: 'debug', text }).length <= 1,
      ),
    );
    expect(chosenLines(lines, { processes: [], level: 'debug', text: '/(/' })).toEqual([]);
    expect(chosenLines(lines, { processes: [], level: 'debug', text: '/( B' })).toEqual(lines);
  });
});

it('numbers are short', () => {
  expect([0, 0.0421, 4.21, 42.1, 4210].map(numberText)).toEqual(['0', '0.04', '4.2', '42', '4,210']);
  expect([0, 0.0084, 0.35, 2.1, 21].map(latencyText)).toEqual(['0', '8.4 ms', '350 ms', '2.10 s', '21.0 s']);
  expect([0, 0.0001, 0.014, 0.5, 1].map(percentText)).toEqual(['0%', '<0.1%', '1.4%', '50%', '100%']);
  expect([350, 4200, 185_000, 7_800_000, 273_600_000].map(durationText)).toEqual([
    '350 ms',
    '4.2 s',
    '3 min 5 s',
    '2 h 10 min',
    '3 d 4 h',
  ]);
});
