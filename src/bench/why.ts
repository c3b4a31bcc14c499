/**
 * What the processes of a deployment report while a point runs, by role, and what that says about the bottleneck. From the
 * figures of src/metrics; only what a version reports is said.
 */
import type { Figures as ServerFigures, RoleFigures as ServerRole } from '../metrics/figures.ts';
import { percentText } from './comparison.ts';
import { timeText } from './conditions.ts';
import type { Figures } from './figures.ts';
import type { RoleFigures } from './result.ts';
import { meanOf } from './statistics.ts';

/** Levels of one role at one moment. */
export interface RoleLevels {
  readonly role: string;
  readonly workers: number;
  readonly running?: number;
  readonly queued?: number;
  readonly kvUsage?: number;
  /** Requests that wait for the KV transfer, on either side. */
  readonly transferQueue?: number;
  readonly gpuUsePercent?: number;
}

export function levelsOf({ roles }: ServerFigures): RoleLevels[] {
  return roles.map(({ role, workers, running, inFlight, queued, kvUsage, transfer, gpuUsePercent }) => {
    const queues = [transfer?.bootstrapQueue, transfer?.preallocationQueue, transfer?.receiveQueue].filter(
      (each) => each !== undefined,
    );
    const busy = running ?? inFlight;
    return {
      role,
      workers,
      ...(busy === undefined ? {} : { running: busy }),
      ...(queued === undefined ? {} : { queued }),
      ...(kvUsage === undefined ? {} : { kvUsage }),
      ...(queues.length === 0 ? {} : { transferQueue: queues.reduce((sum, each) => sum + each, 0) }),
      ...(gpuUsePercent === undefined ? {} : { gpuUsePercent }),
    };
  });
}

/** `moments`: levels while the point ran; `window`: what was counted from its start to its end. */
export function roleFigures(
  moments: readonly (readonly RoleLevels[])[],
  window: ServerFigures,
): RoleFigures[] {
  // Before its first and after its last request, nothing runs.
  const busy = moments.filter((roles) => roles.some(({ running = 0, queued = 0 }) => running + queued > 0));
  return window.roles.map((counted) => {
    const mine = busy.flatMap((roles) => roles.filter(({ role }) => role === counted.role));
    const values = { workers: counted.workers, ...levelValues(mine), ...countedValues(counted, window) };
    return { role: counted.role, values, text: roleText(values) };
  });
}

type Values = Readonly<Record<string, number>>;

const levelNames = ['running', 'queued', 'kvUsage', 'transferQueue', 'gpuUsePercent'] as const;

/** Mean and maximum. */
function levelValues(moments: readonly RoleLevels[]): Values {
  const pairs = levelNames.flatMap((name): [string, number][] => {
    const seen = moments.flatMap((each) => each[name] ?? []);
    return seen.length === 0
      ? []
      : [
          [name, meanOf(seen)],
          [`${name}Max`, Math.max(...seen)],
        ];
  });
  return Object.fromEntries(pairs);
}

function countedValues(
  { requestMs, cacheHitRate, transfer }: ServerRole,
  { deployment }: ServerFigures,
): Values {
  const found: Record<string, number | undefined> = {
    requestMs: requestMs?.p50,
    requestMsMean: requestMs?.mean,
    transferMs: transfer?.latencyMs?.p50,
    transferGBps: transfer?.gigabytesPerSecond?.mean,
    failedTransfers: transfer?.failed,
    cacheHitRate: cacheHitRate ?? deployment.cacheHitRate,
    serverTtftMs: deployment.ttftMs?.p50,
  };
  return Object.fromEntries(
    Object.entries(found).filter((pair): pair is [string, number] => pair[1] !== undefined),
  );
}

function roleText(values: Values): string {
  const {
    running,
    queued,
    queuedMax,
    kvUsageMax,
    transferQueue,
    requestMs,
    transferMs,
    gpuUsePercent,
    cacheHitRate,
  } = values;
  return [
    running === undefined ? '' : `${countText(running)} running`,
    queued === undefined
      ? ''
      : `${countText(queued)} queued${queuedMax === undefined || queuedMax === queued ? '' : ` (at most ${countText(queuedMax)})`}`,
    transferQueue === undefined || transferQueue === 0
      ? ''
      : `${countText(transferQueue)} waiting for the KV transfer`,
    kvUsageMax === undefined ? '' : `KV cache up to ${percentText(kvUsageMax)}`,
    requestMs === undefined ? '' : `${timeText(requestMs)} a request`,
    transferMs === undefined ? '' : `KV transfer ${timeText(transferMs)}`,
    cacheHitRate === undefined || cacheHitRate < 0.005 ? '' : `${percentText(cacheHitRate)} cached`,
    gpuUsePercent === undefined ? '' : `GPU ${Math.round(gpuUsePercent)} %`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** A mean of whole numbers. */
function countText(count: number): string {
  return String(Math.round(count * 10) / 10);
}

/** Above this, decode soon has no room, and takes requests back. */
const fullCache = 0.85;
/** So much of the TTFT outside prefill, and so many milliseconds, is a queue and not noise. */
const queueShare = 0.5;
const queueMs = 20;

/**
 * Which role limits a point, and what to change; empty where the figures do not say. `figures` and `roles` of the same round.
 * Rules of "Tuning Disaggregated Performance" upstream: docs/bench.md#why.
 */
export function bottleneck({ ttft }: Figures, roles: readonly RoleFigures[]): string[] {
  const prefill = roles.find(({ role }) => role === 'prefill');
  const decode = roles.find(({ role }) => role === 'decode');
  const serving = roles.find(({ role }) => role === 'aggregated');
  return [
    ...(prefill === undefined ? [] : prefillWords(prefill.values, ttft?.p50)),
    ...(decode === undefined ? [] : decodeWords(decode.values)),
    ...(serving === undefined ? [] : aggregatedWords(serving.values)),
    ...roles.flatMap(({ role, values: { failedTransfers = 0 } }) =>
      failedTransfers > 0
        ? [`${countText(failedTransfers)} KV transfers of ${role} failed: dynamo logs ${role}`]
        : [],
    ),
  ];
}

function prefillWords(
  { requestMs, queued = 0, running = 0, workers = 1 }: Values,
  ttftMs: number | undefined,
): string[] {
  const advice = `try one more: --replicas prefill=${workers + 1}`;
  if (queued > Math.max(1, running))
    return [`prefill is the bottleneck: ${countText(queued)} requests wait for it on average; ${advice}`];
  if (requestMs === undefined || ttftMs === undefined) return [];
  const waits = ttftMs - requestMs;
  if (waits < queueMs || waits < queueShare * ttftMs) return [];
  return [
    `of ${timeText(ttftMs)} to the first token, prefill itself takes ${timeText(requestMs)}: the rest is waiting and transfer; ${advice}`,
  ];
}

function decodeWords({
  kvUsageMax = 0,
  queued = 0,
  transferQueue = 0,
  running = 0,
  workers = 1,
}: Values): string[] {
  const advice = `try one more: --replicas decode=${workers + 1}`;
  if (kvUsageMax >= fullCache)
    return [
      `the KV cache of decode was ${percentText(kvUsageMax)} full; ${advice}, with as few prefill workers as possible`,
    ];
  const waiting = queued + transferQueue;
  if (waiting > Math.max(1, running))
    return [`decode is the bottleneck: ${countText(waiting)} requests wait for it on average; ${advice}`];
  return [];
}

function aggregatedWords({ kvUsageMax = 0, queued = 0, running = 0, workers = 1 }: Values): string[] {
  const advice = `try one more: --replicas worker=${workers + 1}`;
  if (kvUsageMax >= fullCache) return [`the KV cache was ${percentText(kvUsageMax)} full; ${advice}`];
  if (queued > Math.max(1, running)) return [`${countText(queued)} requests wait on average; ${advice}`];
  return [];
}
