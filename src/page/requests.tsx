/** The recent requests: how long each took and where it went; and the spans of one. */
import { useEffect, useState } from 'preact/hooks';
import { spansOf } from './connection.ts';
import { latencyText, numberText, percentText, preciseClock } from './format.ts';
import type { RequestRow, TracedSpan } from './messages.ts';
import { Button, Card, Copy, Empty } from './parts.tsx';
import { goTo } from './route.ts';
import type { Known } from './store.ts';
import type { ViewProps } from './view-props.ts';

export function Requests(props: ViewProps) {
  const { known, route } = props;
  const { run, requests, workers } = known;
  if (run === undefined) return null;
  const chosen = requests.find(({ id }) => id === route.filters['id']);
  const open = (id: string): void => goTo({ ...route, filters: id === chosen?.id ? {} : { id } }, true);
  if (requests.length === 0) return <NoRequests known={known} />;
  const slowest = Math.max(...requests.map(({ totalMs }) => totalMs ?? 0));
  return (
    <div class="requests">
      {chosen === undefined ? null : (
        <Details key={chosen.id} row={chosen} known={known} onClose={() => open(chosen.id)} />
      )}
      <Card title="Recent requests" note={`the last ${requests.length}, newest first`}>
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>Received</th>
                <th class="number">TTFT</th>
                <th class="number" title="Mean time between two tokens">
                  ITL
                </th>
                <th class="number">Total</th>
                <th class="wide" />
                <th class="number" title="Tokens of the prompt">
                  In
                </th>
                <th class="number" title="Tokens of the answer">
                  Out
                </th>
                <th class="number" title="Share of the prompt that was in the KV cache">
                  Cached
                </th>
                <th>Prefill</th>
                <th>Decode</th>
              </tr>
            </thead>
            <tbody>
              {requests
                .slice()
                .toReversed()
                .map((row) => (
                  <tr
                    key={row.id}
                    aria-selected={row.id === chosen?.id}
                    tabIndex={0}
                    onClick={() => open(row.id)}
                    onKeyDown={({ key }) => (key === 'Enter' ? open(row.id) : undefined)}
                  >
                    <td class="soft">{preciseClock(row.at)}</td>
                    <td class="number">{ms(row.ttftMs)}</td>
                    <td class="number">{ms(row.itlMs)}</td>
                    <td class="number">{ms(row.totalMs)}</td>
                    <td class="wide">
                      <Stages row={row} scale={slowest} />
                    </td>
                    <td class="number">{count(row.inputTokens)}</td>
                    <td class="number">{count(row.outputTokens)}</td>
                    <td class="number">{cachedText(row)}</td>
                    <td>{nameOf(row.prefillWorker, workers)}</td>
                    <td>{nameOf(row.decodeWorker, workers)}</td>
                  </tr>
                ))}
            </tbody>
          </table>
        </div>
      </Card>
    </div>
  );
}

function NoRequests({ known }: { readonly known: Known }) {
  const { run, tracesPort } = known;
  if (run?.recordsRequests === true)
    return (
      <Empty title="No requests yet">
        Try the playground, or <code>dynamo chat {run.name}</code>.
      </Empty>
    );
  return (
    <Empty title="This run does not record its requests">
      A run started with <code>dynamo up {run?.profile} --ui</code> does: times, tokens and workers of each,
      never its text.{' '}
      {tracesPort === undefined
        ? 'Another collector receives traces on port 4317.'
        : `Traces are received on port ${tracesPort}: `}
      {tracesPort === undefined ? null : <code>--set tracing=true</code>}
    </Empty>
  );
}

function ms(value: number | undefined): string {
  return value === undefined ? '' : latencyText(value / 1000);
}

function count(value: number | undefined): string {
  return value === undefined ? '' : numberText(value);
}

function cachedText({ cachedTokens, inputTokens }: RequestRow): string {
  if (cachedTokens === undefined || inputTokens === undefined || inputTokens === 0) return '';
  return percentText(cachedTokens / inputTokens);
}

/** The name of its process, or the end of an id that no process of now has. */
function nameOf(id: string | undefined, workers: Readonly<Record<string, string>>): string {
  return id === undefined ? '' : (workers[id] ?? `…${id.slice(-6)}`);
}

interface Stage {
  readonly kind: 'waiting' | 'prefill' | 'decode';
  readonly ms: number;
  readonly text: string;
}

/** Until prefill begins, until the first token, until the last. */
function stagesOf({ waitMs, ttftMs, totalMs }: RequestRow): Stage[] {
  if (totalMs === undefined) return [];
  const first = Math.min(ttftMs ?? totalMs, totalMs);
  const wait = Math.min(waitMs ?? 0, first);
  const all: Stage[] = [
    { kind: 'waiting', ms: wait, text: 'before prefill' },
    { kind: 'prefill', ms: first - wait, text: 'until the first token' },
    { kind: 'decode', ms: totalMs - first, text: 'until the last token' },
  ];
  return all.filter((stage) => stage.ms > 0);
}

function Stages({ row, scale }: { readonly row: RequestRow; readonly scale: number }) {
  return (
    <span class="stages">
      {stagesOf(row).map(({ kind, ms: took, text }) => (
        <i
          key={kind}
          class={kind}
          style={{ width: `${(100 * took) / Math.max(1, scale)}%` }}
          title={`${text}: ${ms(took)}`}
        />
      ))}
    </span>
  );
}

interface DetailsProps {
  readonly row: RequestRow;
  readonly known: Known;
  readonly onClose: () => void;
}

function Details({ row, known, onClose }: DetailsProps) {
  const [spans, setSpans] = useState<readonly TracedSpan[]>([]);
  useEffect(() => {
    let isOver = false;
    const load = async (): Promise<void> => {
      const found = await spansOf(row.id);
      if (!isOver) setSpans(found);
    };
    void load();
    return () => void (isOver = true);
  }, [row.id, row.traced]);
  const bars = spans.length > 0 ? barsOfSpans(spans) : barsOfStages(row);
  const end = Math.max(1, ...bars.map(({ to }) => to));
  return (
    <Card
      title="Request"
      note={<code>{row.id}</code>}
      class="details"
      actions={
        <>
          <Copy text={row.id} label="Copy its id" />
          <Button
            icon="log"
            label="Logs"
            quiet
            onPress={() =>
              goTo({ runId: known.run?.runId, view: 'logs', filters: { at: String(Math.floor(row.at)) } })
            }
          />
          <Button icon="close" label="Close" quiet small onPress={onClose} />
        </>
      }
    >
      <dl class="facts">
        {factsOf(row, known).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div class="waterfall">
        {bars.map((bar, index) => (
          <div key={index} title={bar.about}>
            <span style={{ paddingLeft: `${bar.depth * 14}px` }}>
              {bar.name} <small>{bar.where}</small>
            </span>
            <div class="track">
              <b
                class={`bar ${bar.kind}`}
                style={{
                  left: `${(100 * bar.from) / end}%`,
                  width: `${Math.max(0.2, (100 * (bar.to - bar.from)) / end)}%`,
                }}
              />
            </div>
            <em>{ms(bar.to - bar.from)}</em>
          </div>
        ))}
        {spans.length > 0 ? null : (
          <p class="hint">
            Stages as the frontend measured them. With <code>dynamo up {known.run?.profile} --observe</code>{' '}
            the spans of all processes stand here.
          </p>
        )}
      </div>
    </Card>
  );
}

function factsOf(row: RequestRow, { workers }: Known): [string, string][] {
  const facts: [string, string | undefined][] = [
    ['Received', preciseClock(row.at)],
    ['TTFT', ms(row.ttftMs)],
    ['ITL', ms(row.itlMs)],
    ['Total', ms(row.totalMs)],
    [
      'Tokens',
      row.inputTokens === undefined
        ? ''
        : `${numberText(row.inputTokens)} in, ${count(row.outputTokens)} out`,
    ],
    ['Cached', cachedText(row)],
    ['Prefill', nameOf(row.prefillWorker, workers)],
    ['Decode', nameOf(row.decodeWorker, workers)],
    ['Outcome', row.outcome],
  ];
  return facts.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value]]));
}

interface WaterfallBar {
  readonly name: string;
  readonly where: string;
  readonly depth: number;
  readonly kind: string;
  /** In milliseconds since the request began. */
  readonly from: number;
  readonly to: number;
  readonly about: string;
}

function barsOfStages(row: RequestRow): WaterfallBar[] {
  let at = 0;
  return stagesOf(row).map(({ kind, ms: took, text }) => {
    const from = at;
    at += took;
    return { name: text, where: '', depth: 0, kind, from, to: at, about: `${text}: ${ms(took)}` };
  });
}

function barsOfSpans(spans: readonly TracedSpan[]): WaterfallBar[] {
  const start = Math.min(...spans.map(({ from }) => from));
  return spans.map(({ name, service, depth, from, to, attributes }) => {
    const role = ['prefill', 'decode'].find((each) => service.includes(each));
    const about = Object.entries(attributes).map(([key, value]) => `${key}: ${value}`);
    return {
      name,
      where: service.replace(/^dynamo-(worker-)?/, ''),
      depth,
      kind: role ?? 'frontend',
      from: from - start,
      to: to - start,
      about: about.join('\n'),
    };
  });
}
