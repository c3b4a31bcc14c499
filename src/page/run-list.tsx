/** The runs of this machine: those that are up first, then those that have ended. */
import { dateText, durationText } from './format.ts';
import type { RunSummary } from './messages.ts';
import { useNow } from './parts.tsx';
import { goTo, type View } from './route.ts';
import type { Known } from './store.ts';
import { runCondition } from './wiring.ts';

interface Props {
  readonly known: Known;
  readonly runId: string | undefined;
  readonly view: View;
}

export function RunList({ known, runId, view }: Props) {
  const { runs = [], older, host } = known;
  const [up, ended] = [runs.filter(isUp), runs.filter((run) => !isUp(run))];
  return (
    <>
      <div class="brand">
        <img src="icon.svg" alt="" />
        <b>dynamo</b>
        <span title="The machine whose runs these are">{host}</span>
      </div>
      <select
        class="run-select"
        aria-label="Run"
        value={runId}
        onChange={({ currentTarget }) => goTo({ runId: currentTarget.value, view, filters: {} })}
      >
        {runs.map((run) => (
          <option key={run.runId} value={run.runId}>
            {run.name} ({runCondition(run.state, []).word})
          </option>
        ))}
      </select>
      <div class="runs">
        <Group title="Up" runs={up} runId={runId} view={view} />
        <Group title="Ended" runs={ended} runId={runId} view={view} />
        {older === 0 ? null : (
          <p class="hint">
            {older} older: <code>dynamo ps --all</code>
          </p>
        )}
      </div>
    </>
  );
}

function isUp({ endedAt }: RunSummary): boolean {
  return endedAt === undefined;
}

interface GroupProps {
  readonly title: string;
  readonly runs: readonly RunSummary[];
  readonly runId: string | undefined;
  readonly view: View;
}

function Group({ title, runs, runId, view }: GroupProps) {
  const now = useNow();
  if (runs.length === 0) return null;
  return (
    <section>
      <h2>
        {title} <span>{runs.length}</span>
      </h2>
      {runs.map((run) => {
        const { tone, word } = runCondition(run.state, []);
        const when = isUp(run)
          ? durationText(Math.max(0, now - run.startedAt))
          : dateText(run.endedAt ?? run.startedAt);
        return (
          <a
            key={run.runId}
            href={`#/${encodeURIComponent(run.runId)}/${view}`}
            aria-current={run.runId === runId ? 'true' : undefined}
          >
            <i class={`dot ${tone}`} title={word} />
            <b>{run.name}</b>
            <span class="word">{word}</span>
            <small title={`profile ${run.profile}, engine ${run.engine}`}>{run.profile}</small>
            <small class="when">{when}</small>
          </a>
        );
      })}
    </section>
  );
}
