/** When each process did what, as bars: what waited for what, how long loading took, what was restarted. */
import { useState } from 'preact/hooks';
import { durationText } from './format.ts';
import type { ViewProps } from './view-props.ts';
import { Card, useNow } from './parts.tsx';
import { type Bar, lanesOf, marksOf } from './timeline.ts';
import { summaryOf } from './run-header.tsx';

type Range = 'start-up' | 'whole run';

export function StartUp({ known }: ViewProps) {
  const { run, events } = known;
  const [range, setRange] = useState<Range>('start-up');
  const now = useNow();
  if (run === undefined) return null;
  const { endedAt } = summaryOf(known, run);
  const ready = events.find((event) => event.type === 'ready');
  const last = endedAt ?? events.find(({ type }) => type === 'stopped')?.at ?? now;
  const start = run.startedAt;
  const startEnd = ready === undefined ? last : ready.at;
  const end = range === 'start-up' ? start + (startEnd - start) * 1.06 : last;
  const span = Math.max(1, end - start);
  const percent = (at: number): number => (100 * Math.min(Math.max(at - start, 0), span)) / span;
  const note =
    ready?.type === 'ready'
      ? `ready after ${durationText(ready.tookMs)}`
      : events.length === 0
        ? ''
        : 'not ready';
  return (
    <Card
      title="Timeline"
      note={note}
      class="timeline"
      actions={
        <span class="segmented" role="group" aria-label="Range">
          {(['start-up', 'whole run'] as const).map((each) => (
            <button type="button" key={each} aria-pressed={each === range} onClick={() => setRange(each)}>
              {each}
            </button>
          ))}
        </span>
      }
    >
      <div class="lanes">
        {lanesOf(run.processes, events, start).map(({ process, bars }) => (
          <div class="lane" key={process}>
            <span title={process}>{process}</span>
            <div class="track">
              {bars
                .filter(({ from }) => from < end)
                .map((bar) => (
                  <BarOf
                    key={`${bar.from}${bar.kind}`}
                    bar={bar}
                    percent={percent}
                    end={Math.min(last, end)}
                    start={start}
                  />
                ))}
            </div>
          </div>
        ))}
        <div class="lane axis">
          <span />
          <div class="track">
            {ticksOf(span).map((tick) => (
              <i key={tick} style={{ left: `${(100 * tick) / span}%` }}>
                {tick === 0 ? '0' : durationText(tick)}
              </i>
            ))}
          </div>
        </div>
        <div class="marks" aria-hidden="true">
          {marksOf(events)
            .filter(({ at }) => at <= end)
            .map(({ at, tone, text }) => (
              <i key={`${at}${text}`} class={tone} style={{ left: `${percent(at)}%` }} title={text} />
            ))}
        </div>
      </div>
    </Card>
  );
}

interface BarProps {
  readonly bar: Bar;
  readonly percent: (at: number) => number;
  readonly start: number;
  readonly end: number;
}

function BarOf({ bar, percent, start, end }: BarProps) {
  const to = Math.min(bar.to ?? end, end);
  const [left, right] = [percent(bar.from), percent(to)];
  const took = durationText((bar.to ?? end) - bar.from);
  const title = `${bar.text}, ${bar.to === undefined ? 'since' : 'for'} ${took}; began ${durationText(bar.from - start)} after the start`;
  return (
    <b
      class={`bar ${bar.kind} ${bar.tone}`}
      style={{ left: `${left}%`, width: `${Math.max(0.15, right - left)}%` }}
      title={title}
    >
      {right - left > 22 ? bar.text : ''}
    </b>
  );
}

/** Round steps, at most five. */
function ticksOf(span: number): number[] {
  const rough = span / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough) ?? rough;
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, index) => index * step).filter(
    (tick) => tick <= span * 0.96,
  );
}
