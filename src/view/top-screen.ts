/** The screen of `dynamo top`: per run its address, its figures, and a table of its processes; fitted to the terminal. */
import type { ChalkInstance } from 'chalk';
import { countText, memoryText } from '../base/units.ts';
import type { RoleFigures, WorkFigures } from '../metrics/figures.ts';
import { figureLines, millisecondsText, numberText, percentText } from './figures-text.ts';
import { ageText, coloured, colouredState, gpusText, type ProcessView, type RunView } from './run-table.ts';
import { tableText, textWidth, widthOf } from './table.ts';
import { indexAt } from './wrap.ts';

/** A process as a row, or all of a role together. */
interface Row {
  readonly name: string;
  readonly members: readonly ProcessView[];
  /** Of a role. */
  readonly role?: RoleFigures;
}

interface Column {
  readonly heading: string;
  readonly text: (row: Row, style: ChalkInstance) => string;
  /** What rows are sorted by, largest first; absent for columns of words. */
  readonly amount?: (row: Row) => number | undefined;
  /** In a narrow terminal columns with a low rank are dropped first; without a rank a column always stays. */
  readonly rank?: number;
}

type Measure = (row: Row) => number | undefined;

function measured(heading: string, rank: number, amount: Measure, text: (value: number) => string): Column {
  return {
    heading,
    rank,
    amount,
    text: (row) => {
      const value = amount(row);
      return value === undefined ? '' : text(value);
    },
  };
}

/** Of a process, or of all of a role together. */
function sumOf(row: Row, amount: (process: ProcessView) => number | undefined): number | undefined {
  const known = row.members.flatMap((member) => amount(member) ?? []);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0);
}

const figuresOf = ({ role, members: [only] }: Row) => role ?? only?.figures;

/** Of workers only. */
const workOf = (row: Row): WorkFigures | undefined => {
  const figures = figuresOf(row);
  return figures === undefined || ('kind' in figures && figures.kind === 'frontend') ? undefined : figures;
};

/** Those without any content are left out. */
const columns: readonly Column[] = [
  { heading: 'PROCESS', text: ({ name, role }, style) => (role === undefined ? name : style.bold(name)) },
  {
    heading: 'STATE',
    text: (row, style) => (row.role === undefined ? stateText(row, style) : answeringText(row.role, style)),
  },
  {
    heading: 'UP',
    rank: 3,
    text: ({ role, members: [only] }) =>
      role === undefined && only !== undefined ? ageText(only.since) : '',
  },
  measured('RESTARTS', 7, (row) => sumOf(row, ({ restarts }) => restarts || undefined), String),
  measured(
    'CPU',
    8,
    (row) => sumOf(row, ({ cpuPercent }) => cpuPercent),
    (value) => `${value.toFixed(1)}%`,
  ),
  measured('MEMORY', 9, (row) => sumOf(row, ({ memoryBytes }) => memoryBytes), memoryText),
  {
    heading: 'GPUS',
    rank: 2,
    text: ({ role, members: [only] }) => {
      const text = role === undefined && only !== undefined ? gpusText(only) : '-';
      return text === '-' ? '' : text;
    },
  },
  measured(
    'GPU',
    5,
    (row) => figuresOf(row)?.gpuUsePercent,
    (value) => `${value.toFixed(0)}%`,
  ),
  measured('GPU MEM', 11, (row) => figuresOf(row)?.gpuMemoryBytes, memoryText),
  measured('KV', 12, (row) => workOf(row)?.kvUsage, percentText),
  measured('HIT', 4, (row) => workOf(row)?.cacheHitRate, percentText),
  measured('REQ/S', 10, (row) => figuresOf(row)?.requestsPerSecond, numberText),
  measured('IN FLIGHT', 13, (row) => figuresOf(row)?.inFlight, numberText),
  measured('QUEUED', 14, (row) => figuresOf(row)?.queued, numberText),
  measured('P50', 6, (row) => figuresOf(row)?.requestMs?.p50, millisecondsText),
  measured('PID', 1, ({ role, members: [only] }) => (role === undefined ? only?.pid : undefined), String),
];

/** What is wrong with it, where something is. */
function stateText({ members: [only] }: Row, style: ChalkInstance): string {
  if (only === undefined) return '';
  const { state, health } = only;
  if (health.startsWith('unhealthy')) return style.red('unhealthy');
  return coloured(state, style);
}

function answeringText({ answering, workers }: RoleFigures, style: ChalkInstance): string {
  const text = `${answering} of ${workers}`;
  return answering < workers ? style.yellow(text) : style.dim(text);
}

/** Columns by which rows can be sorted; 0 stands for the order of the plan. */
export const sortings: readonly string[] = [
  'plan',
  ...columns.flatMap(({ heading, amount }) => (amount === undefined ? [] : [heading])),
];

export interface Chosen {
  readonly runId: string;
  readonly process: string;
}

export interface TopLook {
  readonly width: number;
  readonly height: number;
  /** Absent where no keys are read. */
  readonly chosen?: Chosen | undefined;
  /** One of `sortings`. */
  readonly sorting: string;
  /** In milliseconds since the epoch. */
  readonly now: number;
  /** The last line: a question, what happens, or which keys there are. */
  readonly footer: string;
}

/** The processes in the order in which they are shown: what the arrow keys go through. */
export function choices(views: readonly RunView[], sorting: string): Chosen[] {
  return views.flatMap((view) =>
    rowsOf(view, sorting).flatMap(({ role, members: [only] }) =>
      role === undefined && only !== undefined ? [{ runId: view.runId, process: only.name }] : [],
    ),
  );
}

/** Lines that fill at most the screen; what does not fit is scrolled so that the chosen process is seen. */
export function topText(views: readonly RunView[], look: TopLook, style: ChalkInstance): string {
  const { width, height, chosen, sorting } = look;
  const blocks = views.map((view) => ({
    view,
    lines: runLines(view, { width, sorting, chosen }, style),
  }));
  const body = blocks.flatMap(({ lines }, index) => (index === 0 ? lines : [{ text: '' }, ...lines]));
  const at = Math.max(
    0,
    body.findIndex((line) => 'chosen' in line && line.chosen),
  );
  const room = Math.max(1, height - 4);
  const first = Math.max(0, Math.min(body.length - room, at - Math.floor(room / 2)));
  const shown = body.slice(first, first + room);
  const more = body.length - shown.length;
  const head = headLine(views, look, style);
  const foot =
    more > 0 ? `${look.footer}${style.dim(`   ${countText(more, 'line')} not shown`)}` : look.footer;
  return [head, '', ...shown.map(({ text }) => text), '', foot].map((line) => cut(line, width)).join('\n');
}

function cut(line: string, width: number): string {
  return textWidth(line) <= width ? line : `${line.slice(0, indexAt(line, width - 1))}…`;
}

/** Clock and totals. */
function headLine(views: readonly RunView[], { now, width }: TopLook, style: ChalkInstance): string {
  const all: Row = { name: 'all', members: views.flatMap(({ processes }) => processes) };
  const [cpu, memory, gpu] = [
    sumOf(all, ({ cpuPercent }) => cpuPercent),
    sumOf(all, ({ memoryBytes }) => memoryBytes),
    sumOf(all, ({ figures }) => figures?.gpuMemoryBytes),
  ];
  const parts = [
    style.bold('dynamo top'),
    new Date(now).toTimeString().slice(0, 8),
    countText(views.length, 'run'),
    countText(all.members.length, 'process'),
    ...(cpu === undefined ? [] : [`CPU ${cpu.toFixed(1)}%`]),
    ...(memory === undefined ? [] : [`memory ${memoryText(memory)}`]),
    ...(gpu === undefined ? [] : [`GPU memory ${memoryText(gpu)}`]),
  ];
  return cut(parts.join('   '), width);
}

interface Line {
  readonly text: string;
  readonly chosen?: boolean;
}

const indent = '  ';

/** One run: where it is, what it does, what is wrong with it, and its processes. */
export function runLines(
  view: RunView,
  { width, sorting, chosen }: Pick<TopLook, 'width' | 'sorting' | 'chosen'>,
  style: ChalkInstance,
): Line[] {
  const { trouble, figures, failure } = view;
  const about = [
    ...(figures === undefined ? [] : figureLines(figures, style, width - indent.length)),
    ...(trouble === undefined ? [] : [style.red(trouble)]),
    ...(failure === undefined ? [] : [style.red(failure.diagnosis?.cause ?? failure.message)]),
  ];
  return [
    { text: titleText(view, width, style) },
    ...about.map((text) => ({ text: `${indent}${text}` })),
    ...processLines(view, { width, sorting, chosen }, style),
  ];
}

/** The URL is never dropped. */
function titleText(view: RunView, width: number, style: ChalkInstance): string {
  const { name, profile, engine, url, startedAt } = view;
  const [bold, state] = [style.bold(name), colouredState(view, style)];
  const what = engine === 'none' ? 'shared by runs' : `${profile} on ${engine}`;
  const forms = [
    [bold, state, url, what, `up ${ageText(startedAt)}`],
    [bold, state, url, what],
    [bold, state, url],
    [state, url],
  ].map((parts) => parts.filter((part) => part !== '').join('  '));
  return forms.find((form) => textWidth(form) <= width) ?? forms.at(-1) ?? '';
}

function rowsOf({ processes, figures }: RunView, sorting: string): Row[] {
  const single = processes.map((each): Row => ({ name: each.name, members: [each] }));
  const column = columns.find(({ heading }) => heading === sorting);
  const { amount } = column ?? {};
  if (amount !== undefined) {
    return single.toSorted((a, b) => (amount(b) ?? -Infinity) - (amount(a) ?? -Infinity));
  }
  const roleOf = ({ members: [only] }: Row): string | undefined =>
    only?.figures?.kind === 'worker' ? only.figures.role : undefined;
  const several = (figures?.roles ?? []).filter(({ workers }) => workers > 1);
  const before = new Set<string>();
  return single.flatMap((row): Row[] => {
    const name = roleOf(row);
    const role = several.find((each) => each.role === name);
    if (name === undefined || role === undefined || before.has(name)) return [row];
    before.add(name);
    const members = single.filter((each) => roleOf(each) === name).flatMap((each) => each.members);
    return [{ name, members, role }, row];
  });
}

function processLines(
  view: RunView,
  { width, sorting, chosen }: Pick<TopLook, 'width' | 'sorting' | 'chosen'>,
  style: ChalkInstance,
): Line[] {
  const rows = rowsOf(view, sorting);
  if (rows.length === 0) return [];
  const isChosen = ({ role, name }: Row): boolean =>
    role === undefined && chosen?.runId === view.runId && chosen.process === name;
  const used = columns.filter(({ text }) => rows.some((row) => text(row, style) !== ''));
  const tables = [0, ...used.flatMap(({ rank }) => rank ?? []).toSorted((a, b) => a - b)].map((last) => {
    const kept = used.filter(({ rank = Infinity }) => rank > last);
    return tableOf(kept, rows, sorting, style);
  });
  const table = tables.find((each) => widthOf(each) + 2 <= width) ?? tables.at(-1) ?? '';
  const [heading = '', ...lines] = table.split('\n');
  return [
    { text: `  ${heading}` },
    ...lines.map((line, index): Line => {
      const row = rows[index];
      if (row === undefined || !isChosen(row)) return { text: `  ${line}` };
      return { text: `${style.cyan('❯')} ${style.bold(line)}`, chosen: true };
    }),
  ];
}

function tableOf(
  kept: readonly Column[],
  rows: readonly Row[],
  sorting: string,
  style: ChalkInstance,
): string {
  const headings = kept.map(({ heading }) =>
    heading === sorting ? style.bold(`${heading}▾`) : style.dim(heading),
  );
  const cells = rows.map((row) => kept.map(({ text }) => text(row, style) || '-'));
  return tableText(
    [headings, ...cells],
    kept.map(({ amount }) => amount !== undefined),
  );
}
