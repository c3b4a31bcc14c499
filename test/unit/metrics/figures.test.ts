/** Figures over a window: rates, percentiles, restarts, and what is not known. */
import { expect, test } from 'vitest';
import { type MeasuredProcess, figures } from '../../../src/metrics/figures.ts';
import { type Round, withRound } from '../../../src/metrics/window.ts';
import { type Reading, readFrontend, readWorker } from '../../../src/metrics/reading.ts';

const processes: readonly MeasuredProcess[] = [
  { name: 'etcd', kind: 'infra', component: 'etcd' },
  { name: 'frontend', kind: 'frontend', component: 'frontend' },
  { name: 'prefill-1', kind: 'worker', component: 'prefill', mode: 'prefill' },
  { name: 'prefill-2', kind: 'worker', component: 'prefill', mode: 'prefill' },
  { name: 'decode', kind: 'worker', component: 'decode', mode: 'decode' },
];
const round = (at: number, readings: Readonly<Record<string, Reading>>): Round => ({
  at,
  readings: new Map(Object.entries(readings)),
});
const frontend = (requests: number, tokens: number): Reading =>
  readFrontend(
    `dynamo_frontend_requests_total{model="m",status="success",error_type=""} ${requests}\n` +
      `dynamo_frontend_output_tokens_total{model="m"} ${tokens}\n`,
  );
const worker = (requests: number, more = ''): Reading =>
  readWorker(`dynamo_component_requests_total{dynamo_endpoint="generate"} ${requests}\n${more}`);

test('of one round, what a process did since its start is known, and no rate', () => {
  const { windowMs, deployment, roles } = figures([round(5_000, { frontend: frontend(4, 80) })], processes);
  expect(windowMs).toBeUndefined();
  expect(deployment).toEqual({ requests: 4, errors: 0, errorsByType: {}, cancelled: 0 });
  expect(roles).toEqual([
    { role: 'prefill', workers: 2, answering: 0 },
    { role: 'decode', workers: 1, answering: 0 },
  ]);
});

test('rates stand on the window, and nothing before it counts', () => {
  const rounds = [0, 30_000, 61_000, 90_000].map((at, index) =>
    round(at, { frontend: frontend(10 * index, 1000 * index) }),
  );
  const { windowMs, deployment } = figures(rounds, processes);
  expect(windowMs).toBe(60_000);
  expect(deployment).toMatchObject({
    requests: 30,
    requestsPerSecond: 20 / 60,
    outputTokensPerSecond: 2000 / 60,
  });
  expect(figures(rounds, processes, 30_000)).toMatchObject({
    windowMs: 29_000,
    deployment: { requestsPerSecond: 10 / 29 },
  });
});

test('no more rounds are kept than the window needs', () => {
  let rounds: readonly Round[] = [];
  for (let at = 0; at < 300_000; at += 1_000) rounds = withRound(rounds, round(at, {}));
  expect(rounds.length).toBe(61);
  expect(rounds[0]?.at).toBe(239_000);
});

test('a series that appears while its process is up began with 0', () => {
  const rounds = [round(0, { frontend: readFrontend('') }), round(1_000, { frontend: frontend(3, 60) })];
  expect(figures(rounds, processes).deployment).toMatchObject({
    requestsPerSecond: 3,
    outputTokensPerSecond: 60,
  });
});

const appearing = (upSeconds: number): readonly Round[] => [
  round(0, { decode: worker(5) }),
  round(10_000, {
    decode: worker(5),
    'prefill-1': worker(70, `dynamo_component_uptime_seconds{worker_id="ff"} ${upSeconds}\n`),
  }),
];

test('a process that answers for the first time has no rate yet, unless it has just started', () => {
  expect(figures(appearing(3_600), processes).roles[0]?.requestsPerSecond).toBe(0);
  expect(figures(appearing(4), processes).roles[0]?.requestsPerSecond).toBe(7);
});

test('a restart is no negative rate: what was counted before and after it is added', () => {
  const rounds = [
    round(0, { decode: worker(100) }),
    round(1_000, { decode: worker(104) }),
    round(2_000, {}),
    round(3_000, { decode: worker(1) }),
    round(4_000, { decode: worker(6) }),
  ];
  expect(figures(rounds, processes).roles[1]).toMatchObject({ requests: 6, requestsPerSecond: 10 / 4 });
});

test('what a process said before it stopped answering is not shown', () => {
  const busy = worker(9, 'sglang:num_running_reqs 3\nsglang:token_usage 0.5\n');
  const [, decode] = figures([round(0, { decode: busy }), round(1_000, {})], processes).roles;
  expect(decode).not.toHaveProperty('running');
  expect(decode).not.toHaveProperty('kvUsage');
  expect(decode).toMatchObject({ workers: 1, answering: 0 });
  expect(figures([round(0, { decode: busy }), round(1_000, {})], processes).processes.at(-1)).toEqual({
    kind: 'worker',
    name: 'decode',
    role: 'decode',
    answers: false,
  });
});

test('of ranks that share a pool the largest counts; data-parallel ranks are added; usage is that of the fullest', () => {
  const ranks = [
    ['0', '0', 3, 0.2],
    ['1', '0', 2, 0.2],
    ['0', '1', 4, 0.6],
  ].map(
    ([tp, dp, running, usage]) =>
      `sglang:num_running_reqs{tp_rank="${tp}",dp_rank="${dp}"} ${running}\n` +
      `sglang:token_usage{tp_rank="${tp}",dp_rank="${dp}"} ${usage}\n`,
  );
  const { roles } = figures([round(0, { decode: worker(1, ranks.join('')) })], processes);
  expect(roles[1]).toMatchObject({ running: 7, kvUsage: 0.6 });
});

test('only the endpoint of requests counts', () => {
  const more = 'dynamo_component_requests_total{dynamo_endpoint="clear_kv_blocks"} 40\n';
  expect(figures([round(0, { decode: worker(2, more) })], processes).roles[1]?.requests).toBe(2);
});

const answers = (success: number, internal: number, cancelled: number): Reading =>
  readFrontend(
    [
      ['success', '', success],
      ['error', 'internal', internal],
      ['error', 'cancelled', cancelled],
    ]
      .map(
        ([status, type, count]) =>
          `dynamo_frontend_requests_total{status="${status}",error_type="${type}"} ${count}\n`,
      )
      .join(''),
  );

test('errors by type; what clients left is no error', () => {
  const rounds = [round(0, { frontend: answers(1, 1, 1) }), round(1_000, { frontend: answers(5, 3, 2) })];
  expect(figures(rounds, processes).deployment).toMatchObject({
    errors: 2,
    errorsByType: { internal: 2 },
    cancelled: 1,
  });
});

const rates = (sum: number, count: number): Reading =>
  readFrontend(
    `dynamo_component_router_kv_hit_rate_bucket{le="+Inf"} ${count}\n` +
      `dynamo_component_router_kv_hit_rate_sum ${sum}\ndynamo_component_router_kv_hit_rate_count ${count}\n`,
  );

test('the hit rate is the mean of what was observed, never a sum', () => {
  const rounds = [round(0, { frontend: rates(1, 10) }), round(1_000, { frontend: rates(2.9, 12) })];
  const { cacheHitRate, cacheHitCount } = figures(rounds, processes).deployment;
  expect(cacheHitRate).toBeCloseTo(0.95);
  expect(cacheHitCount).toBe(2);
});

test('a worker is found on the page of the frontend, which writes its id as a decimal number', () => {
  const id = 'd43a0f13fa254ce6';
  const page = `dynamo_frontend_worker_active_decode_blocks{worker_id="${BigInt(`0x${id}`)}",worker_type="decode"} 9\n`;
  const seen = figures(
    [
      round(0, {
        frontend: readFrontend(page),
        decode: readWorker(
          `dynamo_component_requests_total{dynamo_endpoint="generate",worker_id="${id}"} 1\n`,
        ),
      }),
    ],
    processes,
  );
  expect(seen.processes.at(-1)).toMatchObject({
    workerId: '15292552063165484262',
    routed: { workerType: 'decode', activeDecodeBlocks: 9 },
  });
});
