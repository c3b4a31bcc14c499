/** The figures that matter first, of the last minute, each with its recent past. */
import { latencyText, numberText, percentText } from './format.ts';
import type { Sample } from './messages.ts';
import type { ViewProps } from './view-props.ts';

interface Tile {
  readonly title: string;
  readonly value: string | undefined;
  readonly note: string | undefined;
  /** Of samples, for the small curve. */
  readonly curve: string;
  readonly warns?: boolean;
}

export function Tiles({ known }: ViewProps) {
  const of = known.figures?.deployment;
  if (of === undefined || known.run?.serves === undefined) return null;
  const { ttftMs, itlMs, errors = 0 } = of;
  const kv = Math.max(...(known.figures?.roles.flatMap(({ kvUsage }) => kvUsage ?? []) ?? []));
  const tiles: readonly Tile[] = [
    {
      title: 'Requests/s',
      value: amountText(of.requestsPerSecond),
      note:
        errors > 0
          ? `${errors} failed`
          : of.requests === undefined
            ? undefined
            : `${numberText(of.requests)} in all`,
      curve: 'requests',
      warns: errors > 0,
    },
    {
      title: 'TTFT p50',
      value: msText(ttftMs?.p50),
      note: percentiles(ttftMs?.p99, ttftMs?.count),
      curve: 'ttft.p50',
    },
    {
      title: 'ITL p50',
      value: msText(itlMs?.p50),
      note: percentiles(itlMs?.p99, itlMs?.count),
      curve: 'itl.p50',
    },
    {
      title: 'Tokens/s out',
      value: amountText(of.outputTokensPerSecond),
      note: of.inputTokensPerSecond === undefined ? undefined : `${numberText(of.inputTokensPerSecond)} in`,
      curve: 'outputTokens',
    },
    {
      title: 'In flight',
      value: amountText(of.inFlight),
      note: of.queued === undefined ? undefined : `${of.queued} queued`,
      curve: 'inFlight',
    },
    {
      title: 'KV cache',
      value: Number.isFinite(kv) ? percentText(kv) : undefined,
      note: of.cacheHitRate === undefined ? undefined : `${percentText(of.cacheHitRate)} prefix hits`,
      curve: 'hitRate',
    },
  ];
  return (
    <div class="tiles">
      {tiles.map((tile) => (
        <a
          key={tile.title}
          class={tile.value === undefined ? 'tile unknown' : 'tile'}
          href={`#/${encodeURIComponent(known.run?.runId ?? '')}/charts`}
          title={
            tile.value === undefined
              ? 'Not known: no request in the last minute, or not reported'
              : 'Over the last minute'
          }
        >
          <span>{tile.title}</span>
          <b>{tile.value ?? '–'}</b>
          <small class={tile.warns === true ? 'warned' : ''}>{tile.note ?? '\u00a0'}</small>
          <Curve samples={known.samples} name={tile.curve} />
        </a>
      ))}
    </div>
  );
}

function msText(value: number | undefined): string | undefined {
  return value === undefined ? undefined : latencyText(value / 1000);
}

function amountText(value: number | undefined): string | undefined {
  return value === undefined ? undefined : numberText(value);
}

/** A percentile comes with the number of requests that it stands on. */
function percentiles(p99: number | undefined, count: number | undefined): string | undefined {
  if (p99 === undefined || count === undefined) return undefined;
  return `p99 ${latencyText(p99 / 1000)} of ${numberText(count)}`;
}

const [width, height, curveMs] = [100, 26, 3 * 60_000];

function Curve({ samples, name }: { readonly samples: readonly Sample[]; readonly name: string }) {
  const end = samples.at(-1)?.at ?? 0;
  const points = samples.flatMap(({ at, values }): [number, number][] => {
    const value = values[name];
    return value === undefined || at < end - curveMs ? [] : [[at, value]];
  });
  if (points.length < 2) return null;
  const highest = Math.max(...points.map(([, value]) => value)) || 1;
  const path = points
    .map(([at, value], index) => {
      const x = width * (1 - (end - at) / curveMs);
      const y = height - 2 - (height - 4) * (value / highest);
      return `${index === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join('');
  return (
    <svg class="curve" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      <path d={path} vector-effect="non-scaling-stroke" />
    </svg>
  );
}
