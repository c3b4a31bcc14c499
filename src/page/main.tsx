/** The page: runs at the left, the chosen one beside them, and keys for all of it. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { follow, pauseWhileHidden } from './connection.ts';
import { Button, Confirm, Empty, type Notice, Notices, type Question } from './parts.tsx';
import { goTo, type Route, useRoute, type View, views } from './route.ts';
import { RunHeader } from './run-header.tsx';
import { RunList } from './run-list.tsx';
import { type Known, useKnown } from './store.ts';
import { Overview } from './overview.tsx';
import { Logs } from './logs.tsx';
import { Charts } from './charts.tsx';
import { Requests } from './requests.tsx';
import { Playground } from './playground.tsx';
import type { ViewProps } from './view-props.ts';
import { applyTheme, nextTheme } from './theme.ts';

const titles: Readonly<Record<View, string>> = {
  overview: 'Overview',
  charts: 'Charts',
  logs: 'Logs',
  requests: 'Requests',
  playground: 'Playground',
};

let lastNotice = 0;
const noticeMs = 8_000;

function Page() {
  const known = useKnown();
  const route = useRoute();
  const [question, setQuestion] = useState<Question>();
  const [notices, setNotices] = useState<readonly Notice[]>([]);
  const [theme, setTheme] = useState(applyTheme);
  const [helps, setHelps] = useState(false);
  const runId = route.runId ?? known.runs?.[0]?.runId;
  useEffect(() => follow(runId), [runId]);
  useEffect(() => {
    const name = known.runs?.find((run) => run.runId === runId)?.name;
    document.title = name === undefined ? 'dynamo' : `${name} · dynamo`;
  }, [known.runs, runId]);
  const close = (id: number): void => setNotices((all) => all.filter((each) => each.id !== id));
  const say = (notice: Omit<Notice, 'id'>): void => {
    const id = ++lastNotice;
    setNotices((all) => [...all.slice(-2), { ...notice, id }]);
    // What went wrong stays until it was read.
    if (notice.tone === 'good') setTimeout(() => close(id), noticeMs);
  };
  useKeys({ route, runId, known, toggleHelp: () => setHelps((shown) => !shown) });
  const props: ViewProps = { known, route: { ...route, runId }, ask: setQuestion, say };
  return (
    <div class="layout">
      <aside>
        <RunList known={known} runId={runId} view={route.view} />
        <footer>
          <Button
            icon={theme === 'dark' ? 'moon' : 'sun'}
            label={`Colours: ${theme}`}
            quiet
            onPress={() => setTheme(nextTheme(theme))}
          />
          <Button label="?" title="Keys" quiet onPress={() => setHelps(true)} />
        </footer>
      </aside>
      <main>
        <ConnectionBar known={known} />
        {known.runs?.length === 0 ? (
          <Empty title="There is no run yet">
            Start one in a terminal: <code>dynamo up agg</code>. It appears here by itself.
          </Empty>
        ) : known.run === undefined ? (
          <Loading known={known} />
        ) : (
          <>
            <RunHeader {...props} />
            <nav class="tabs" aria-label="Views">
              {views.map((view, index) => (
                <a
                  key={view}
                  href={`#/${encodeURIComponent(runId ?? '')}/${view}`}
                  aria-current={view === route.view ? 'page' : undefined}
                >
                  {titles[view]}
                  <kbd>{index + 1}</kbd>
                </a>
              ))}
            </nav>
            <Shown {...props} />
          </>
        )}
      </main>
      <Notices notices={notices} onClose={close} />
      {question === undefined ? null : <Confirm question={question} onClose={() => setQuestion(undefined)} />}
      {helps ? <Keys onClose={() => setHelps(false)} /> : null}
    </div>
  );
}

function Shown(props: ViewProps) {
  switch (props.route.view) {
    case 'overview':
      return <Overview {...props} />;
    case 'charts':
      return <Charts {...props} />;
    case 'logs':
      return <Logs key={props.route.runId} {...props} />;
    case 'requests':
      return <Requests {...props} />;
    case 'playground':
      return <Playground key={props.route.runId} {...props} />;
  }
}

function Loading({ known }: { readonly known: Known }) {
  if (known.noRun !== undefined) return <Empty title="This run cannot be shown">{known.noRun}</Empty>;
  if (known.connection === 'refused') return null;
  return <Empty title="Loading" />;
}

function ConnectionBar({ known: { connection } }: { readonly known: Known }) {
  if (connection === 'refused')
    return (
      <div class="banner bad" role="alert">
        This page needs the link that <code>dynamo ui</code> printed in the terminal: it holds the token.
      </div>
    );
  if (connection !== 'lost') return null;
  return (
    <div class="banner warn" role="alert">
      The server of this page does not answer; what you see is the last that was known. Runs go on without it.
      Start it again: <code>dynamo ui</code>
    </div>
  );
}

interface KeyScope {
  readonly route: Route;
  readonly runId: string | undefined;
  readonly known: Known;
  readonly toggleHelp: () => void;
}

/** Plain keys, but not while somebody types. */
function useKeys({ route, runId, known, toggleHelp }: KeyScope): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const { target, key } = event;
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]') !== null)
        return;
      if (target instanceof HTMLElement && target.closest('input, textarea, select') !== null) {
        if (key === 'Escape') target.blur();
        return;
      }
      const view = views[Number(key) - 1];
      if (view !== undefined) goTo({ runId, view, filters: {} });
      else if (key === '?') toggleHelp();
      else if (key === '/') {
        event.preventDefault();
        if (route.view !== 'logs') goTo({ runId, view: 'logs', filters: {} });
        setTimeout(() => document.querySelector<HTMLElement>('.find input')?.focus());
      } else if (key === 'j' || key === 'k') {
        const all = known.runs ?? [];
        const at = all.findIndex((run) => run.runId === runId);
        const next = all[at + (key === 'j' ? 1 : -1)];
        if (next !== undefined) goTo({ ...route, runId: next.runId, filters: {} });
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  });
}

const keys = [
  ['1 … 5', 'overview, charts, logs, requests, playground'],
  ['j, k', 'next run, previous run'],
  ['/', 'find in the logs'],
  ['f', 'in the logs: follow'],
  ['Esc', 'leave a field or a dialog'],
  ['?', 'this list'],
] as const;

function Keys({ onClose }: { readonly onClose: () => void }) {
  return (
    <dialog
      aria-label="Keys"
      ref={(dialog: HTMLDialogElement | null) => {
        if (dialog !== null && !dialog.open) dialog.showModal();
      }}
      onClose={onClose}
    >
      <h2>Keys</h2>
      <dl class="keys">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <footer>
        <Button label="Close" quiet onPress={onClose} />
      </footer>
    </dialog>
  );
}

pauseWhileHidden();
const root = document.querySelector('#page');
if (root !== null) render(<Page />, root);
