/** One chart over time, with the events of the run as marks; all charts of a page share their cursor. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { Chart } from './chart-table.ts';
import type { Sample } from './messages.ts';
import { useWidth } from './parts.tsx';
import type { Mark } from './timeline.ts';

interface PlotProps {
  readonly chart: Chart;
  readonly samples: readonly Sample[];
  readonly from: number;
  readonly to: number;
  readonly marks: readonly Mark[];
  /** Changes when colours do. */
  readonly theme: string;
}

const height = 150;
/** A gap this long in the samples is drawn as a gap. */
const gapMs = 12_000;

export function Plot({ chart, samples, from, to, marks, theme }: PlotProps) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const plot = useRef<uPlot>(undefined);
  const shownMarks = useRef(marks);
  shownMarks.current = marks;
  const range = useRef([from, to] as const);
  range.current = [from, to];
  const identity = `${chart.id} ${chart.lines.map(({ name }) => name).join(' ')} ${theme}`;
  useEffect(() => {
    const element = ref.current;
    if (element === null || width === 0) return undefined;
    const made = new uPlot(
      optionsFor(
        chart,
        width,
        () => range.current,
        () => shownMarks.current,
      ),
      dataOf(chart, samples),
      element,
    );
    plot.current = made;
    showLatest(made);
    return () => {
      plot.current = undefined;
      made.destroy();
    };
  }, [identity, width]);
  useEffect(() => {
    const self = plot.current;
    if (self === undefined) return;
    self.setData(dataOf(chart, samples));
    showLatest(self);
  }, [samples, from, to, marks]);
  return <div class="plot" ref={ref} />;
}

/** The legend holds the newest values, unless the cursor points at others. */
function showLatest(self: uPlot): void {
  if ((self.cursor.left ?? -1) < 0 && self.data[0].length > 0)
    self.setLegend({ idx: self.data[0].length - 1 });
}

function dataOf({ lines }: Chart, samples: readonly Sample[]): uPlot.AlignedData {
  const at: number[] = [];
  const columns: (number | null)[][] = lines.map(() => []);
  let before: number | undefined;
  for (const sample of samples) {
    if (before !== undefined && sample.at - before > gapMs) {
      at.push((before + 1) / 1000);
      for (const column of columns) column.push(null);
    }
    before = sample.at;
    at.push(sample.at / 1000);
    for (const [index, { name }] of lines.entries()) columns[index]?.push(sample.values[name] ?? null);
  }
  return [at, ...columns] as uPlot.AlignedData;
}

function optionsFor(
  chart: Chart,
  width: number,
  range: () => readonly [number, number],
  marks: () => readonly Mark[],
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => resolved(style, name);
  const [faint, line] = [colour('--faint'), colour('--line')];
  const axis = { stroke: faint, font: '11px Inter, system-ui, sans-serif', ticks: { show: false } };
  return {
    width,
    height,
    cursor: { sync: { key: 'run' }, points: { size: 6 }, y: false, drag: { x: false, y: false } },
    legend: { live: true },
    padding: [8, 12, 0, 0],
    scales: {
      x: {
        time: true,
        range: () => [range()[0] / 1000, range()[1] / 1000],
      },
      y: { range: (_, __, highest) => [0, Math.max((highest ?? 0) * 1.12, chart.least ?? 0) || 1] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 26, space: 70, values: '{HH}:{mm}:{ss}' },
      {
        ...axis,
        grid: { stroke: line, width: 1 },
        size: 62,
        space: 34,
        values: (_, splits) => splits.map((value) => chart.text(value)),
      },
    ],
    series: [
      { value: '{HH}:{mm}:{ss}', label: 'Time' },
      ...chart.lines.map(({ label, colour: name }) => ({
        label,
        stroke: colour(name),
        width: 1.6,
        spanGaps: false,
        points: { show: false },
        value: (_: uPlot, value: number | null) => (value === null ? '–' : chart.text(value)),
      })),
    ],
    hooks: {
      setCursor: [showLatest],
      draw: [(self) => drawMarks(self, marks(), colour)],
    },
  };
}

/** A canvas knows no light-dark(): the browser computes the colour. */
function resolved(style: CSSStyleDeclaration, name: string): string {
  const probe = document.createElement('span');
  probe.style.color = style.getPropertyValue(name);
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function drawMarks(self: uPlot, marks: readonly Mark[], colour: (name: string) => string): void {
  const { ctx, bbox } = self;
  ctx.save();
  for (const { at, tone } of marks) {
    const x = Math.round(self.valToPos(at / 1000, 'x', true)) + 0.5;
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = colour(`--${tone}`);
    ctx.globalAlpha = 0.75;
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
