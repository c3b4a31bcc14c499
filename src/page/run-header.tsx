/** The head of a run: its name, state and address, what is wrong with it, and the button that ends it. */
import { ask as post } from './connection.ts';
import { durationText, dateText } from './format.ts';
import type { ViewProps } from './view-props.ts';
import type { RunDetail } from './messages.ts';
import { Button, Copy, Icon, Pill, useNow } from './parts.tsx';
import { goTo } from './route.ts';
import type { Known } from './store.ts';
import { conditionOf, runCondition } from './wiring.ts';

export function RunHeader(props: ViewProps) {
  const { known, ask, say } = props;
  const { run } = known;
  const now = useNow();
  if (run === undefined) return null;
  const summary = summaryOf(known, run);
  const { isUp, endedAt } = summary;
  const { status } = known;
  // Until its events have come, nothing is known of its processes.
  const conditions =
    status === undefined ? [] : run.processes.map(({ name }) => conditionOf(status.processes[name], isUp));
  const age = durationText(Math.max(0, (endedAt ?? now) - run.startedAt));
  const down = (): void =>
    ask({
      title: `Stop ${run.name}?`,
      text: [
        `All ${run.processes.length} processes end in order: clients first, then workers, each with its time to finish.`,
        'Requests in progress are finished if they are short. Logs, events and figures stay readable here.',
        `The same as: dynamo down ${run.name}`,
      ],
      label: 'Stop the run',
      danger: true,
      run: async () => {
        const refused = await post('api/down', { run: run.runId });
        if (refused === undefined) say({ tone: 'good', text: `${run.name} is stopping.` });
        else say({ tone: 'bad', text: refused.error, hint: refused.hint });
      },
    });
  return (
    <header class="run-header">
      <div class="line">
        <h1>{run.name}</h1>
        <Pill {...runCondition(summary.state, conditions)} />
        <span class="spring" />
        {isUp ? (
          <Button
            icon="stop"
            label="Stop run"
            title="Ends all processes in order"
            danger
            disabled={summary.state === 'stopping'}
            onPress={down}
          />
        ) : null}
      </div>
      <dl class="facts">
        <Fact name="Profile" value={run.profile} title={run.description} />
        {run.model === undefined ? null : <Fact name="Model" value={run.model} copy />}
        <Fact
          name="Engine"
          value={run.engine}
          title={run.choices.find(({ what }) => what === 'engine')?.because}
        />
        {run.router === undefined ? null : <Fact name="Router" value={run.router} />}
        {run.url === '' ? null : <Fact name="URL" value={run.url} copy />}
        <Fact
          name={isUp ? 'Up' : 'Ran'}
          value={age}
          title={`since ${dateText(run.startedAt)}; run ${run.runId}, dynamo ${run.version}`}
        />
      </dl>
      <Trouble {...props} run={run} trouble={summary.trouble} />
    </header>
  );
}

interface FactProps {
  readonly name: string;
  readonly value: string;
  readonly title?: string | undefined;
  readonly copy?: boolean;
}

function Fact({ name, value, title, copy }: FactProps) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd>{value}</dd>
      {copy === true ? <Copy text={value} label={`Copy ${value}`} /> : null}
    </div>
  );
}

/** Of the list, which is newer than what the events say only when the supervisor cannot be asked. */
export function summaryOf({ runs, status }: Known, { runId }: RunDetail) {
  const found = runs?.find((run) => run.runId === runId);
  const phase = status?.phase;
  const isUp = found?.supervised === true;
  return {
    isUp,
    endedAt: found?.endedAt,
    state: isUp ? (phase ?? found.state) : (found?.state ?? phase ?? 'stopped'),
    trouble: found?.trouble,
  } as const;
}

const shownLines = 6;

/** Of its log: where no rule knows the cause, they say most. */
function lastLinesOf(process: string | undefined, { logs }: Known): readonly string[] {
  return logs
    .filter((line) => line.process === process)
    .slice(-shownLines)
    .map(({ text }) => text);
}

/** Why it failed, with the evidence and one command. */
function Trouble({ known, run, trouble }: ViewProps & { run: RunDetail; trouble: string | undefined }) {
  const failure = known.status?.failure;
  if (failure === undefined) {
    return trouble === undefined ? null : (
      <div class="banner bad" role="alert">
        <Icon name="warn" /> {trouble}
      </div>
    );
  }
  const { diagnosis, message, process, hint } = failure;
  const at = known.events.find(({ type }) => type === 'failed')?.at;
  const from = diagnosis?.seenIn ?? process;
  const fix = diagnosis?.fix ?? hint;
  const evidence = diagnosis?.evidence ?? lastLinesOf(process, known);
  return (
    <div class="failure" role="alert">
      <div class="line">
        <Icon name="warn" />
        <b>{diagnosis === undefined ? message : diagnosis.cause}</b>
        <span class="spring" />
        {at === undefined ? null : (
          <Button
            icon="log"
            label={from === undefined ? 'Log at that moment' : `Log of ${from}`}
            quiet
            onPress={() =>
              goTo({
                runId: run.runId,
                view: 'logs',
                filters: { at: String(at), ...(from === undefined ? {} : { process: from }) },
              })
            }
          />
        )}
      </div>
      {diagnosis === undefined ? null : <p>{message}</p>}
      {evidence.length === 0 ? null : <pre>{evidence.join('\n')}</pre>}
      {fix === undefined ? null : (
        <p class="fix">
          Fix: <code>{fix}</code>
          <Copy text={fix} label="Copy the fix" />
        </p>
      )}
    </div>
  );
}
