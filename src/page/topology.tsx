/** The wiring of a run, drawn: client, frontend, workers by role, and what goes between them. */
import type { ViewProps } from './view-props.ts';
import type { Figures } from '../metrics/figures.ts';
import { latencyText, numberText, percentText } from './format.ts';
import type { ProcessDetail } from './messages.ts';
import { Card, useWidth } from './parts.tsx';
import { goTo } from './route.ts';
import { summaryOf } from './run-header.tsx';
import { type Column, conditionOf, roleWords, type Wiring, wiringOf } from './wiring.ts';

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Placed extends Box {
  readonly process: ProcessDetail;
}

interface PlacedColumn {
  readonly column: Column;
  /** Around all of its boxes. */
  readonly frame: Box;
  readonly boxes: readonly Placed[];
}

const boxHeight = 58;
const boxGap = 10;
const titleHeight = 24;
const margin = 12;
/** For the line from the frontend over the columns between. */
const roofHeight = 16;
const clientWidth = 74;

export function Topology(props: ViewProps) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const { run } = props.known;
  if (run === undefined) return null;
  return (
    <Card title="Topology" note={run.description} class="topology">
      <div ref={ref} class="drawing">
        {width === 0 ? null : <Drawing {...props} width={width} wiring={wiringOf(run)} />}
      </div>
    </Card>
  );
}

function Drawing(props: ViewProps & { readonly width: number; readonly wiring: Wiring }) {
  const { width, wiring } = props;
  const tallest = Math.max(1, ...wiring.columns.map(({ processes }) => processes.length));
  const inner = titleHeight + tallest * (boxHeight + boxGap) + boxGap;
  const infraHeight = wiring.infra.length === 0 ? 0 : boxHeight + 28;
  const roof = wiring.columns.length > 2 ? roofHeight : 0;
  const height = inner + 2 * margin + roof + infraHeight;
  const columns = placed(wiring.columns, width, inner, margin + roof);
  const client: Box = { x: margin, y: margin + roof + inner / 2 - 24, width: clientWidth, height: 48 };
  const [first] = columns;
  return (
    <svg
      width={width}
      height={height}
      role="img"
      aria-label="How requests go through the processes of this run"
    >
      <defs>
        <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
          <path d="M1 1l6 3-6 3" class="tip" />
        </marker>
        <marker
          id="tip-kv"
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="7"
          markerHeight="7"
          orient="auto"
        >
          <path d="M1 1l6 3-6 3" class="tip kv" />
        </marker>
      </defs>
      {first === undefined ? null : (
        <Arrow
          from={client}
          to={first.frame}
          label={rateText(props.known.figures?.deployment.requestsPerSecond)}
        />
      )}
      <Wires columns={columns} wiring={wiring} figures={props.known.figures} />
      <g class="client">
        <rect {...client} rx="24" />
        <text x={client.x + client.width / 2} y={client.y + 28} text-anchor="middle">
          clients
        </text>
      </g>
      {columns.map((each) => (
        <ColumnOf key={each.column.role} {...props} placed={each} />
      ))}
      {wiring.infra.map((process, index) => (
        <ProcessBox
          key={process.name}
          {...props}
          box={{
            process,
            x: margin + clientWidth + 60 + index * 190,
            y: inner + margin + roof + 16,
            width: 176,
            height: boxHeight,
          }}
        />
      ))}
    </svg>
  );
}

function placed(columns: readonly Column[], width: number, inner: number, top: number): PlacedColumn[] {
  const begin = margin + clientWidth;
  const room = width - begin - margin;
  const gap =
    columns.length > 2 ? Math.max(48, Math.min(110, room * 0.11)) : Math.max(60, Math.min(150, room * 0.15));
  const columnWidth = Math.min(264, (room - gap * columns.length) / Math.max(1, columns.length));
  const used = columns.length * (columnWidth + gap);
  const spread = Math.max(0, room - used) / Math.max(1, columns.length);
  return columns.map((column, index) => {
    const count = column.processes.length;
    const height = titleHeight + count * (boxHeight + boxGap) + 2;
    const x = begin + gap + index * (columnWidth + gap + spread) + (index === 0 ? 0 : spread / 2);
    const y = top + (inner - height) / 2;
    return {
      column,
      frame: { x, y, width: columnWidth, height },
      boxes: column.processes.map((process, at) => ({
        process,
        x: x + 8,
        y: y + titleHeight + at * (boxHeight + boxGap),
        width: columnWidth - 16,
        height: boxHeight,
      })),
    };
  });
}

interface WiresProps {
  readonly columns: readonly PlacedColumn[];
  readonly wiring: Wiring;
  readonly figures: Figures | undefined;
}

/** From the frontend to every role, and from role to role what is handed over. */
function Wires({ columns, wiring, figures }: WiresProps) {
  const [frontend, ...workers] = columns;
  if (frontend === undefined) return null;
  const frameOf = (role: string): Box | undefined =>
    columns.find(({ column }) => column.role === role)?.frame;
  const rateOf = (column: Column): string => {
    const name = column.processes[0]?.mode ?? column.processes[0]?.component;
    return rateText(figures?.roles.find(({ role }) => role === name)?.requestsPerSecond);
  };
  return (
    <>
      {workers.map(({ column, frame }, index) =>
        index === 0 ? (
          <Arrow key={column.role} from={frontend.frame} to={frame} label={rateOf(column)} />
        ) : (
          <Detour
            key={column.role}
            from={frontend.frame}
            to={frame}
            over={workers[index - 1]?.frame}
            label={rateOf(column)}
          />
        ),
      )}
      {wiring.transfers.map(({ from, to, what }) => {
        const [a, b] = [frameOf(from), frameOf(to)];
        return a === undefined || b === undefined ? null : (
          <Arrow
            key={`${from}${to}`}
            from={a}
            to={b}
            label={what}
            more={from === 'prefill' ? transferText(figures) : ''}
            kv
          />
        );
      })}
    </>
  );
}

interface ArrowProps {
  readonly from: Box;
  readonly to: Box;
  readonly label: string;
  /** Below the line. */
  readonly more?: string;
  readonly kv?: boolean;
}

function Arrow({ from, to, label, more = '', kv = false }: ArrowProps) {
  const [x1, x2] = [from.x + from.width, to.x];
  const [y1, y2] = [from.y + from.height / 2, to.y + to.height / 2];
  const middle = (x1 + x2) / 2;
  const path = `M${x1 + 2} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2 - 3} ${y2}`;
  return (
    <g class={kv ? 'wire kv' : 'wire'}>
      <path d={path} marker-end={`url(#${kv ? 'tip-kv' : 'tip'})`} />
      {label === '' ? null : (
        <text x={middle} y={Math.min(y1, y2) - 8} text-anchor="middle">
          {label}
        </text>
      )}
      {more === '' ? null : (
        <text x={middle} y={Math.max(y1, y2) + 18} text-anchor="middle">
          {more}
        </text>
      )}
    </g>
  );
}

/** Above the columns between: the frontend talks to decode workers itself. */
function Detour({
  from,
  to,
  over,
  label,
}: Omit<ArrowProps, 'kv' | 'more'> & { readonly over: Box | undefined }) {
  const [x1, x2] = [from.x + from.width / 2, to.x + to.width / 2];
  const top = Math.min(from.y, to.y, over?.y ?? Infinity) - 17;
  const path = `M${x1} ${from.y}V${top + 8}Q${x1} ${top} ${x1 + 8} ${top}H${x2 - 8}Q${x2} ${top} ${x2} ${top + 8}V${to.y - 2}`;
  return (
    <g class="wire">
      <path d={path} marker-end="url(#tip)" />
      {label === '' ? null : (
        <text x={x1 + 60} y={top + 4} text-anchor="middle">
          {label}
        </text>
      )}
    </g>
  );
}

function rateText(perSecond: number | undefined): string {
  return perSecond === undefined || perSecond === 0 ? '' : `${numberText(perSecond)}/s`;
}

function transferText(figures: Figures | undefined): string {
  const transfers = figures?.roles.flatMap(({ transfer }) => transfer ?? []) ?? [];
  const latency = transfers.map(({ latencyMs }) => latencyMs?.p50).find((each) => each !== undefined);
  const speed = transfers
    .map(({ gigabytesPerSecond }) => gigabytesPerSecond?.mean)
    .find((each) => each !== undefined);
  return [
    ...(latency === undefined ? [] : [latencyText(latency / 1000)]),
    ...(speed === undefined || speed < 0.01 ? [] : [`${numberText(speed)} GB/s`]),
  ].join(', ');
}

/** What one worker does now, as far as it says so. */
function workText(figures: Figures | undefined, name: string): string {
  const found = figures?.processes.find((each) => each.name === name);
  if (found?.kind !== 'worker' || !found.answers) return '';
  const { running, inFlight, queued = 0, kvUsage } = found;
  const active = running ?? inFlight;
  return [
    ...(active === undefined ? [] : [`${active} active`]),
    ...(queued > 0 ? [`${queued} queued`] : []),
    ...(kvUsage === undefined ? [] : [`KV ${percentText(kvUsage)}`]),
  ].join(' · ');
}

function ColumnOf(props: ViewProps & { readonly placed: PlacedColumn }) {
  const { column, frame, boxes } = props.placed;
  const count = column.processes.length;
  return (
    <g class={`column role-${column.role}`}>
      <rect class="frame" {...frame} rx="10" />
      <text class="title" x={frame.x + 10} y={frame.y + 16}>
        {roleWords[column.role]}
        {count > 1 ? ` × ${count}` : ''}
      </text>
      {boxes.map((box) => (
        <ProcessBox key={box.process.name} {...props} box={box} />
      ))}
    </g>
  );
}

function ProcessBox({ known, box }: ViewProps & { readonly box: Placed }) {
  const { run, status } = known;
  if (run === undefined) return null;
  const { process, x, y, width, height } = box;
  const { isUp } = summaryOf(known, run);
  const condition = conditionOf(status?.processes[process.name], isUp);
  const port = process.ports['http'] ?? process.ports['system'] ?? process.ports['client'];
  const work = isUp ? workText(known.figures, process.name) : '';
  const router = process.kind === 'frontend' && run.router !== undefined ? ` · ${run.router}` : '';
  const place =
    process.gpus.length === 0
      ? port === undefined
        ? ''
        : `port ${port}`
      : `GPU ${process.gpus.map(short).join(', ')}`;
  return (
    <a
      class={`process ${condition.tone}`}
      href={`#/${encodeURIComponent(run.runId)}/logs?process=${encodeURIComponent(process.name)}`}
      onClick={(event) => {
        event.preventDefault();
        goTo({ runId: run.runId, view: 'logs', filters: { process: process.name } });
      }}
    >
      <title>
        {process.name}: {condition.word}
        {port === undefined ? '' : `, port ${port}`}. Click for its log.
      </title>
      <rect x={x} y={y} width={width} height={height} rx="7" />
      <circle cx={x + 14} cy={y + 20} r="4" />
      <text class="name" x={x + 25} y={y + 24}>
        {process.name}
      </text>
      <text class="word" x={x + width - 10} y={y + 24} text-anchor="end">
        {condition.word}
      </text>
      <text class="more" x={x + 25} y={y + 44}>
        {work === '' || process.gpus.length > 0
          ? [place + router, work].filter((part) => part !== '').join(' · ')
          : work}
      </text>
    </a>
  );
}

/** A UUID is too long for a box. */
function short(gpu: string): string {
  return gpu.length > 12 ? `${gpu.slice(0, 8)}…` : gpu;
}
