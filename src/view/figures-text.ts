/** Figures of a run as lines: rates, latencies with the number of requests they stand on, cache and transfer. */
import type { ChalkInstance } from 'chalk';
import { countText } from '../base/units.ts';
import { durationText } from '../base/duration.ts';
import type { Distribution, Figures, RoleFigures, Transfer } from '../metrics/figures.ts';
import { tableText, textWidth } from './table.ts';

/** `0.4`, `12`, `1,204`. */
export function numberText(value: number): string {
  return value < 9.95 && !Number.isInteger(value)
    ? value.toFixed(1)
    : Math.round(value).toLocaleString('en-US');
}

/** `5.8 ms`, `66 ms`, `1.25 s`. */
export function millisecondsText(ms: number): string {
  if (ms >= 999.5) return `${(ms / 1000).toFixed(ms < 9_995 ? 2 : 1)} s`;
  return `${ms.toFixed(ms < 9.95 ? 1 : 0)} ms`;
}

export function percentText(share: number): string {
  const percent = 100 * share;
  return `${percent.toFixed(percent > 0 && percent < 9.95 ? 1 : 0)}%`;
}

/** What the frontend says, and what is on its way from prefill to decode. Empty for a run that has said nothing yet. */
export function figureLines(
  { deployment: all, roles, windowMs }: Omit<Figures, 'processes'>,
  style: ChalkInstance,
  width = Infinity,
): string[] {
  const span = windowMs === undefined ? 'since the start' : `in the last ${durationText(windowMs)}`;
  const rates = [
    amount(all.requestsPerSecond, 'req/s'),
    amount(all.inputTokensPerSecond, 'tok/s in'),
    amount(all.outputTokensPerSecond, 'tok/s out'),
    amount(all.inFlight, 'in flight'),
    amount(all.queued, 'queued'),
    all.errors === undefined
      ? undefined
      : all.errors > 0
        ? style.red(`${countText(all.errors, 'error')} (${typesText(all.errorsByType ?? {})})`)
        : 'no errors',
  ];
  const cache = [
    all.cacheHitRate === undefined
      ? undefined
      : `router expects ${percentText(all.cacheHitRate)} of a prompt cached (${numberText(all.cacheHitCount ?? 0)} choices)`,
    all.cachedTokenShare === undefined
      ? undefined
      : `${percentText(all.cachedTokenShare)} of prompt tokens from the cache`,
  ];
  return [
    ...joined(rates, width),
    ...latencyLines(all.ttftMs, all.itlMs, span),
    ...joined(cache, width),
    ...roles.flatMap((role) => transferLines(role, width)),
  ].filter((line) => line !== '');
}

function amount(value: number | undefined, unit: string): string | undefined {
  return value === undefined ? undefined : `${numberText(value)} ${unit}`;
}

/** In as many lines as it takes; three spaces stand between the parts, since the parts contain spaces. */
function joined(parts: readonly (string | undefined)[], width: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    if (part === undefined) continue;
    const longer = `${lines.at(-1) ?? ''}   ${part}`;
    if (lines.length > 0 && textWidth(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  return lines;
}

function typesText(types: Readonly<Record<string, number>>): string {
  return Object.entries(types)
    .map(([type, count]) => `${count} ${type}`)
    .join(', ');
}

function latencyLines(ttft: Distribution | undefined, itl: Distribution | undefined, span: string): string[] {
  const rows = [latencyRow('TTFT', ttft, 'request'), latencyRow('ITL', itl, 'token')].filter(
    (row) => row !== undefined,
  );
  if (rows.length === 0) return [];
  const [first = [], ...rest] = rows;
  const table = tableText([[...first.slice(0, -1), `${first.at(-1) ?? ''} ${span}`], ...rest]);
  return table.split('\n');
}

function labelled(label: string, value: number | undefined): string {
  return value === undefined ? '' : `${label} ${millisecondsText(value)}`;
}

function latencyRow(name: string, seen: Distribution | undefined, thing: string): string[] | undefined {
  if (seen === undefined || seen.count === 0) return undefined;
  const count = `${numberText(seen.count)} ${thing}${seen.count === 1 ? '' : 's'}`;
  return [name, labelled('p50', seen.p50), labelled('p95', seen.p95), labelled('p99', seen.p99), count];
}

/** Empty for a role without transfers. */
function transferLines({ role, transfer }: RoleFigures, width: number): string[] {
  if (transfer === undefined) return [];
  const { latencyMs, gigabytesPerSecond, failed } = transfer;
  const parts = [
    latencyMs?.p50 === undefined
      ? undefined
      : `p50 ${millisecondsText(latencyMs.p50)}, p99 ${millisecondsText(latencyMs.p99 ?? latencyMs.p50)} (${numberText(latencyMs.count)})`,
    gigabytesPerSecond?.mean === undefined ? undefined : speedText(gigabytesPerSecond.mean),
    failed === undefined || failed === 0 ? undefined : countText(failed, 'failure'),
    waitingText(transfer),
  ];
  const [first, ...rest] = parts.filter((part) => part !== undefined);
  return first === undefined ? [] : joined([`KV transfer of ${role}: ${first}`, ...rest], width);
}

function speedText(gigabytes: number): string {
  return gigabytes >= 0.1 ? `${numberText(gigabytes)} GB/s` : `${(gigabytes * 1000).toFixed(1)} MB/s`;
}

const waits = [
  ['bootstrapQueue', 'for a partner'],
  ['sendQueue', 'to be sent'],
  ['preallocationQueue', 'for space'],
  ['receiveQueue', 'to be received'],
] as const;

function waitingText(transfer: Transfer): string | undefined {
  const parts = waits.flatMap(([queue, what]) => {
    const count = transfer[queue] ?? 0;
    return count > 0 ? [`${count} ${what}`] : [];
  });
  return parts.length === 0 ? undefined : `waiting: ${parts.join(', ')}`;
}
