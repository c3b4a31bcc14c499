// Turns samples into tables, one per metric, with one row per target.
import { percentile } from './measure.js';

/** `Infinity` means that it never happened. */
export function inWords(value, { unit, digits }) {
  if (value === Infinity) return 'never';
  if (value === undefined) return '–';
  const places = digits ?? (unit === '' || Math.abs(value) >= 100 ? 0 : 1);
  return value.toFixed(places);
}

function ratio(value, base) {
  if (value === undefined || base === undefined || base === 0 || !Number.isFinite(base)) return '–';
  return value === Infinity ? '∞' : (value / base).toFixed(2);
}

function row(name, samples, metric, floorMedian) {
  const at = (share) => percentile(samples, share);
  const cells = [Math.min(...samples), at(0.5), at(0.95), Math.max(...samples)].map((value) =>
    inWords(value, metric),
  );
  return [name, ...cells, ratio(at(0.5), floorMedian), String(samples.length)];
}

/** `samples`: lists of numbers by target and metric. Returns cells, header first. */
export function tableOf(metric, key, samples) {
  const lists = [...samples]
    .map(([name, metrics]) => [name, metrics[key] ?? []])
    .filter(([, list]) => list.length > 0);
  const floor = lists.find(([name]) => name === 'node floor');
  const base = floor === undefined ? undefined : percentile(floor[1], 0.5);
  const head = ['', 'min', 'median', 'p95', 'max', '× floor', 'n'];
  return [head, ...lists.map(([name, list]) => row(name, list, metric, base))];
}

export function plain(cells) {
  const widths = cells[0].map((_, column) => Math.max(...cells.map((line) => line[column].length)));
  const pad = (cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]));
  return cells.map((line) => `    ${line.map(pad).join('  ')}`).join('\n');
}

export function markdown(cells) {
  const [head, ...rows] = cells.map((line) => `| ${line.join(' | ')} |`);
  return [head, `| - |${' -: |'.repeat(cells[0].length - 1)}`, ...rows].join('\n');
}
