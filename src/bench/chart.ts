/** Line charts as SVG text: one colour and one mark for each series, values on hover, readable in dark and light. */
import { escaped } from './exports.ts';

export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  /** Written next to the point. */
  readonly label?: string;
  /** Shown when the pointer rests on it. */
  readonly hover: string;
  /** Range over the rounds, in y. */
  readonly low?: number;
  readonly high?: number;
}

export interface Series {
  /** Chooses colour and mark. */
  readonly index: number;
  readonly dashed?: boolean;
  readonly points: readonly ChartPoint[];
}

export interface Chart {
  readonly title: string;
  readonly xTitle: string;
  readonly yTitle: string;
  readonly series: readonly Series[];
  /** Named places on the x axis; absent: round numbers from zero. */
  readonly xTicks?: readonly { readonly at: number; readonly label: string }[];
}

const size = { width: 520, height: 320, left: 62, right: 26, top: 16, bottom: 48 };
const inner = { width: size.width - size.left - size.right, height: size.height - size.top - size.bottom };

export const colours = 6;

export function chartSvg({ title, xTitle, yTitle, series, xTicks }: Chart): string {
  const all = series.flatMap(({ points }) => points);
  if (all.length === 0) return '';
  const yTop = niceTop(Math.max(...all.map(({ y, high }) => Math.max(y, high ?? y))));
  const xValues = all.map(({ x }) => x);
  const named = xTicks?.map((tick) => tick.at) ?? [];
  const [xLow, xHigh] =
    xTicks === undefined
      ? [0, niceTop(Math.max(...xValues)).top]
      : [Math.min(...named) - 0.3, Math.max(...named) + 0.3];
  const x = (value: number): number => size.left + (inner.width * (value - xLow)) / (xHigh - xLow || 1);
  const y = (value: number): number => size.top + inner.height * (1 - value / yTop.top);
  const across = yTop.ticks.map(
    (tick) =>
      `<line class="grid" x1="${size.left}" x2="${size.width - size.right}" y1="${px(y(tick))}" y2="${px(y(tick))}"/>` +
      `<text class="tick" x="${size.left - 8}" y="${px(y(tick) + 4)}" text-anchor="end">${tickText(tick)}</text>`,
  );
  const along = (xTicks ?? niceTop(xHigh).ticks.map((tick) => ({ at: tick, label: tickText(tick) }))).map(
    (tick) =>
      `<text class="tick" x="${px(x(tick.at))}" y="${size.height - size.bottom + 18}" text-anchor="middle">${escaped(tick.label)}</text>`,
  );
  return [
    `<svg viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${escaped(title)}">`,
    ...across,
    ...along,
    `<text class="axis" x="${size.left + inner.width / 2}" y="${size.height - 8}" text-anchor="middle">${escaped(xTitle)}</text>`,
    `<text class="axis" transform="translate(14 ${size.top + inner.height / 2}) rotate(-90)" text-anchor="middle">${escaped(yTitle)}</text>`,
    ...series.map((each) => seriesSvg(each, x, y)),
    '</svg>',
  ].join('');
}

type Scale = (value: number) => number;

function seriesSvg({ index, dashed, points }: Series, x: Scale, y: Scale): string {
  const colour = `s${index % colours}`;
  const path = points.map((point, i) => `${i === 0 ? 'M' : 'L'}${px(x(point.x))} ${px(y(point.y))}`).join('');
  const line =
    points.length < 2 ? '' : `<path class="line ${colour}${dashed === true ? ' dashed' : ''}" d="${path}"/>`;
  const ranges = points.flatMap(({ x: place, low, high }) =>
    low === undefined || high === undefined || high === low
      ? []
      : [
          `<path class="range ${colour}" d="M${px(x(place))} ${px(y(low))}V${px(y(high))}M${px(x(place) - 4)} ${px(y(low))}h8M${px(x(place) - 4)} ${px(y(high))}h8"/>`,
        ],
  );
  const marks = points.map((point) => {
    const [left, top] = [x(point.x), y(point.y)];
    const text =
      point.label === undefined
        ? ''
        : `<text class="label" x="${px(left + 8)}" y="${px(top - 7)}">${escaped(point.label)}</text>`;
    return `<g class="mark ${colour}${dashed === true ? ' small' : ''}"><title>${escaped(point.hover)}</title>${markSvg(index, left, top, dashed === true ? 2.5 : 5)}</g>${text}`;
  });
  return [line, ...ranges, ...marks].join('');
}

/** A mark of its own for each series: colours alone do not tell everybody. */
export function markSvg(index: number, x: number, y: number, half: number): string {
  switch (index % 3) {
    case 0:
      return `<circle cx="${px(x)}" cy="${px(y)}" r="${half}"/>`;
    case 1:
      return `<rect x="${px(x - half)}" y="${px(y - half)}" width="${2 * half}" height="${2 * half}"/>`;
    default:
      return `<path d="M${px(x)} ${px(y - half * 1.3)}L${px(x + half * 1.2)} ${px(y + half)}H${px(x - half * 1.2)}Z"/>`;
  }
}

function tickText(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function px(value: number): string {
  return value.toFixed(1);
}

/** Four to eight round numbers from zero to at least `value`. */
export function niceTop(value: number): { readonly top: number; readonly ticks: readonly number[] } {
  if (!(value > 0)) return { top: 1, ticks: [0, 1] };
  const rough = value / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10) * power;
  const count = Math.ceil(value / step - 1e-9);
  return { top: count * step, ticks: Array.from({ length: count + 1 }, (_, i) => i * step) };
}
