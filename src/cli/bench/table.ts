/** The report of a benchmark for a terminal: what was loaded, the figures, what they allow to say, and why. */
import { numberText, timeText } from '../../bench/conditions.ts';
import { type Figures, type Metric, metricNamed, overRounds } from '../../bench/figures.ts';
import { predictedLines } from '../../bench/predicted.ts';
import { type BenchResult, type PointResult, shownRounds } from '../../bench/result.ts';
import { armText, loadText, simulatedEngines, simulatedText } from '../../bench/words.ts';
import { pointText, pointWords } from '../../bench/workload.ts';
import { countText } from '../../base/units.ts';
import type { Style } from '../../view/style.ts';
import { tableText, textWidth } from '../../view/table.ts';

interface Column {
  /** The line above the headings, shared by neighbours. */
  readonly group: string;
  readonly heading: string;
  /** The first to go where the terminal is too narrow has the highest number; 0 always stays. */
  readonly rank: number;
  readonly applies?: (result: BenchResult) => boolean;
  cell(point: PointResult, rounds: readonly Figures[]): string;
}

const of = (name: string, show: (value: number) => string): Column['cell'] => {
  const metric = metricNamed(name);
  return (_, rounds) => {
    const seen = overRounds(rounds, metric);
    return seen === undefined ? '–' : show(seen.median);
  };
};

const time = (group: string, heading: string, rank: number): Column => ({
  group: `${group} ms`,
  heading,
  rank,
  cell: of(`${group.toLowerCase()}.${heading}`, numberText),
});

const columns: readonly Column[] = [
  time('TTFT', 'p50', 0),
  time('TTFT', 'p90', 6),
  time('TTFT', 'p99', 1),
  time('ITL', 'p50', 0),
  time('ITL', 'p90', 6),
  time('ITL', 'p99', 1),
  time('E2E', 'p50', 2),
  time('E2E', 'p90', 7),
  time('E2E', 'p99', 5),
  { group: 'TOKENS/S', heading: 'all', rank: 3, cell: of('tokens-per-second', numberText) },
  { group: 'TOKENS/S', heading: '/GPU', rank: 0, cell: of('tokens-per-gpu', numberText) },
  { group: 'TOKENS/S', heading: '/user', rank: 1, cell: of('tokens-per-user', numberText) },
  { group: 'REQ/S', heading: '', rank: 4, cell: of('requests-per-second', numberText) },
  {
    group: 'GOOD',
    heading: 'req/s',
    rank: 0,
    applies: ({ slo }) => slo !== undefined,
    cell: of('goodput', numberText),
  },
  {
    group: '±',
    heading: '%',
    rank: 2,
    applies: ({ arms }) => arms.some(({ points }) => points.some(({ rounds }) => rounds.length > 1)),
    cell: (_, rounds) => (rounds.length < 2 ? '–' : variationText(rounds)),
  },
  {
    group: 'ERR',
    heading: '',
    rank: 0,
    cell: ({ rounds }) => String(rounds.reduce((sum, { figures }) => sum + figures.errors, 0)),
  },
];

/** What must vary least for a comparison: half of the range over the rounds, of the figure that varies most. */
const steady: readonly Metric[] = ['ttft.p50', 'itl.p50', 'tokens-per-second'].map(metricNamed);

function variationText(rounds: readonly Figures[]): string {
  const shares = steady.flatMap((metric) => {
    const seen = overRounds(rounds, metric);
    return seen === undefined || seen.median === 0 ? [] : [(seen.high - seen.low) / 2 / seen.median];
  });
  return shares.length === 0 ? '–' : (Math.max(...shares) * 100).toFixed(0);
}

/** Ends without a newline. `width` in columns; no limit outside a terminal. */
export function benchReport(result: BenchResult, style: Style, width: number): string {
  const several = result.arms.length > 1;
  const lines = predictedLines(result);
  const predicted = lines.length === 0 ? [] : ['', ...lines];
  return [
    ...headLines(result, style),
    '',
    figuresTable(result, style, width),
    ...(result.verdicts.length === 0 ? [] : ['']),
    ...result.verdicts.map((line) =>
      several
        ? `${style.bold(line.split(':')[0] ?? '')}${line.slice((line.split(':')[0] ?? '').length)}`
        : line,
    ),
    ...predicted,
    ...whyLines(result, style),
    ...problemLines(result, style),
    '',
    ...result.notes.map((note) => style.dim(note)),
  ]
    .join('\n')
    .trimEnd();
}

function headLines(result: BenchResult, style: Style): string[] {
  const simulated = simulatedEngines(result);
  const rows = result.arms.map((arm) => [style.bold(arm.id), arm.label, armText(arm)]);
  return [
    ...(simulated.length === 0 ? [] : [style.yellow.bold(simulatedText(simulated))]),
    ...(result.interrupted ? [style.yellow('Interrupted: the figures are those of the rounds so far.')] : []),
    tableText(rows),
    style.dim(loadText(result)),
  ];
}

function figuresTable(result: BenchResult, style: Style, width: number): string {
  const wanted = columns.filter(({ applies }) => applies?.(result) !== false);
  for (let rank = 7; ; rank--) {
    const text = tableOf(
      result,
      wanted.filter((column) => column.rank <= rank),
      style,
    );
    if (rank === 0 || text.split('\n').every((line) => textWidth(line) <= width)) return text;
  }
}

function tableOf(result: BenchResult, shown: readonly Column[], style: Style): string {
  const several = result.arms.length > 1;
  const groups = shown.map(({ group }, i) => (shown[i - 1]?.group === group ? '' : group));
  const points = result.arms[0]?.points ?? [];
  const body = points.flatMap(({ at }, i) =>
    result.arms.map((arm, index) => {
      const point = arm.points[i];
      const cells = point === undefined ? [] : rowCells(point, shown, style);
      return [index === 0 ? pointText(at) : '', ...(several ? [arm.short] : []), ...cells];
    }),
  );
  const lead = (text: readonly string[]): string[] => [text[0] ?? '', ...(several ? [text[1] ?? ''] : [])];
  const rows = [
    [...lead(['AT', 'ARM']), ...groups],
    [...lead(['', '']), ...shown.map(({ heading }) => heading)],
    ...body,
  ];
  return aligned(rows, several ? 2 : 1)
    .split('\n')
    .map((line, i) => (i < 2 ? style.dim(line) : line))
    .join('\n');
}

/** Text to the left, figures to the right; a group's name begins above its first column. */
function aligned(rows: readonly (readonly string[])[], left: number): string {
  const [groups = [], ...rest] = rows;
  const width = (column: number): number => Math.max(...rest.map((row) => textWidth(row[column] ?? '')), 0);
  const widths =
    rest[0]?.map((_, column) =>
      Math.max(
        width(column),
        column < left || groups[column + 1] !== '' ? textWidth(groups[column] ?? '') : 0,
      ),
    ) ?? [];
  const padded = rest.map((row) =>
    row.map((cell, column) => {
      const room = ' '.repeat(Math.max(0, (widths[column] ?? 0) - textWidth(cell)));
      return column < left ? cell + room : room + cell;
    }),
  );
  let head = '';
  let at = 0;
  for (const [column, group] of groups.entries()) {
    if (group !== '')
      head =
        head.padEnd(
          column < left || groups[column + 1] === '' ? at : at + (widths[column] ?? 0) - textWidth(group),
        ) + group;
    at += (widths[column] ?? 0) + 2;
  }
  return [head, ...padded.map((row) => row.join('  ').trimEnd())].join('\n');
}

function rowCells(point: PointResult, shown: readonly Column[], style: Style): string[] {
  const rounds = shownRounds(point);
  if (point.rounds.length === 0) return [style.yellow('not measured')];
  if (rounds.length === 0) return [style.yellow('withheld')];
  return shown.map((column) => {
    const cell = column.cell(point, rounds);
    return column.group === 'ERR' && cell !== '0' ? style.red(cell) : cell;
  });
}

/** What the roles reported under the heaviest load, and what limits a point. */
function whyLines({ arms }: BenchResult, style: Style): string[] {
  const lines = arms.flatMap(({ short, points }) => {
    const heaviest = points.findLast(({ rounds }) => rounds.some(({ roles }) => roles.length > 0));
    const roles = heaviest?.rounds.at(-1)?.roles ?? [];
    return [
      ...roles.flatMap(({ role, text }) =>
        text === '' || heaviest === undefined
          ? []
          : [`${style.bold(`${short} ${pointWords(heaviest.at)}, ${role}`)}: ${text}`],
      ),
      ...points.flatMap(({ at, why }) =>
        why.map((text) => `${style.bold(`${short} ${pointWords(at)}`)}: ${text}`),
      ),
    ];
  });
  return lines.length === 0 ? [] : ['', ...lines];
}

function problemLines({ arms }: BenchResult, style: Style): string[] {
  return arms.flatMap(({ short, problems, points }) => [
    ...problems.map((problem) => `${style.red(`${short}:`)} ${problem}`),
    ...points.flatMap(({ at, rounds }) => [
      ...errorLines(rounds.map(({ figures }) => figures)).map(
        (text) => `${style.red(`${short} ${pointWords(at)}:`)} ${text}`,
      ),
      ...[...new Set(rounds.flatMap(({ withheld }) => withheld ?? []))].map(
        (text) => `${style.red(`${short} ${pointWords(at)}:`)} withheld, as ${text}`,
      ),
    ]),
  ]);
}

function errorLines(rounds: readonly Figures[]): string[] {
  const counts = new Map<string, number>();
  for (const { errorKinds } of rounds)
    for (const [why, count] of Object.entries(errorKinds)) counts.set(why, (counts.get(why) ?? 0) + count);
  return [...counts].map(([why, count]) => `${countText(count, 'request')} failed: ${why}`);
}

/** One line as a point ends. */
export function pointLine({ ttft, itl, outputTokensPerSecond, errors }: Figures): string {
  return [
    `TTFT ${ttft === undefined ? '–' : timeText(ttft.p50)}`,
    `ITL ${itl === undefined ? '–' : timeText(itl.p50)}`,
    `${numberText(outputTokensPerSecond)} tokens/s`,
    ...(errors === 0 ? [] : [countText(errors, 'error')]),
  ].join(', ');
}
