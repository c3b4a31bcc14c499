/** Figures over time, by role or by worker, with what happened in the run as marks. */
import { useEffect, useState } from 'preact/hooks';
import { type Chart, chartsOf, type Grouping, known as withKnown } from './chart-table.ts';
import { clockText } from './format.ts';
import { Card, Empty, useNow } from './parts.tsx';
import { Plot } from './plot.tsx';
import { goTo } from './route.ts';
import { summaryOf } from './run-header.tsx';
import { marksOf } from './timeline.ts';
import type { ViewProps } from './view-props.ts';

const ranges = [
  ['5m', '5 min', 5 * 60_000],
  ['15m', '15 min', 15 * 60_000],
  ['1h', '1 h', 60 * 60_000],
  ['all', 'all', Infinity],
] as const;

export function Charts({ known, route }: ViewProps) {
  const { run, events } = known;
  const now = useNow();
  const theme = useTheme();
  /** What is shown stands still from here on. */
  const [paused, setPaused] = useState<{
    readonly at: number;
    readonly samples: ViewProps['known']['samples'];
  }>();
  if (run === undefined) return null;
  const { isUp, endedAt } = summaryOf(known, run);
  const samples = paused?.samples ?? known.samples;
  const grouping: Grouping = route.filters['by'] === 'worker' ? 'worker' : 'role';
  const [rangeId, , rangeMs] = ranges.find(([id]) => id === route.filters['range']) ?? ranges[isUp ? 0 : 3];
  const change = (more: Readonly<Record<string, string>>): void =>
    goTo({ ...route, filters: { ...route.filters, ...more } }, true);
  const first = samples[0]?.at ?? run.startedAt;
  const to = paused?.at ?? (isUp ? now : (samples.at(-1)?.at ?? endedAt ?? now));
  const from = Math.max(rangeMs === Infinity ? first : to - rangeMs, Math.min(first, to - 60_000));
  const inRange = samples.filter(({ at }) => at >= from - 15_000 && at <= to + 1_000);
  const all = chartsOf(run, grouping).map((chart) => withKnown(chart, inRange));
  const shown = all.filter(({ lines }) => lines.length > 0);
  const absent = all.filter(({ lines }) => lines.length === 0);
  const marks = marksOf(events).filter(({ at }) => at >= from && at <= to);
  return (
    <div class="charts">
      <div class="toolbar">
        <Segmented
          label="Range"
          value={rangeId}
          values={ranges.map(([id, title]) => [id, title])}
          onChoose={(range) => change({ range })}
        />
        <Segmented
          label="Lines"
          value={grouping}
          values={[
            ['role', 'by role'],
            ['worker', 'by worker'],
          ]}
          onChoose={(by) => change({ by })}
        />
        <span class="spring" />
        {isUp ? (
          <button
            type="button"
            class="button"
            aria-pressed={paused !== undefined}
            onClick={() =>
              setPaused(paused === undefined ? { at: Date.now(), samples: known.samples } : undefined)
            }
          >
            {paused === undefined ? 'Pause' : `Paused at ${clockText(paused.at)}`}
          </button>
        ) : null}
      </div>
      {marks.length === 0 ? null : (
        <p class="mark-list">
          {marks.slice(-8).map(({ at, tone, text }) => (
            <a
              key={`${at}${text}`}
              href={`#/${encodeURIComponent(run.runId)}/logs?at=${at}`}
              title="Logs at that moment"
            >
              <i class={`dot ${tone}`} /> {clockText(at)} {text}
            </a>
          ))}
        </p>
      )}
      {shown.length === 0 ? (
        <Empty title="No figures yet">
          {isUp
            ? 'They appear with the first look at the processes, within seconds.'
            : 'Nobody looked while this run was up: figures are kept while a page of dynamo ui is served.'}
        </Empty>
      ) : (
        <div class="grid">
          {shown.map((chart) => (
            <Card key={chart.id} title={chart.title} note={chart.about} class="chart">
              <Plot chart={chart} samples={inRange} from={from} to={to} marks={marks} theme={theme} />
            </Card>
          ))}
        </div>
      )}
      {shown.length === 0 || absent.length === 0 ? null : (
        <p class="hint">Not reported by the processes so far: {titlesOf(absent)}.</p>
      )}
    </div>
  );
}

function titlesOf(charts: readonly Chart[]): string {
  return charts.map(({ title }) => title).join(', ');
}

interface SegmentedProps {
  readonly label: string;
  readonly value: string;
  readonly values: readonly (readonly [id: string, title: string])[];
  readonly onChoose: (id: string) => void;
}

export function Segmented({ label, value, values, onChoose }: SegmentedProps) {
  return (
    <span class="segmented" role="group" aria-label={label}>
      {values.map(([id, title]) => (
        <button type="button" key={id} aria-pressed={id === value} onClick={() => onChoose(id)}>
          {title}
        </button>
      ))}
    </span>
  );
}

/** Which colours apply now: those that were chosen, or those of the system. */
function useTheme(): string {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const read = (): string => `${document.documentElement.dataset['theme'] ?? ''} ${dark.matches}`;
  const [theme, setTheme] = useState(read);
  useEffect(() => {
    const look = (): void => setTheme(read());
    const observer = new MutationObserver(look);
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    dark.addEventListener('change', look);
    return () => {
      observer.disconnect();
      dark.removeEventListener('change', look);
    };
  }, []);
  return theme;
}
