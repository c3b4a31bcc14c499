/** The logs of all processes as one stream: filtered, followed, or as they were around an event. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { linesAround } from './connection.ts';
import { clockText, preciseClock } from './format.ts';
import { colourOf } from './colours.ts';
import { chosenLines, type LogFilter, logLevels } from './log-filter.ts';
import type { ViewProps } from './view-props.ts';
import type { LogLine } from './messages.ts';
import { Button, Copy, Empty, Icon } from './parts.tsx';
import { goTo } from './route.ts';

/** Of a line in the list, in pixels: only those that can be seen are drawn. */
const rowHeight = 20;
const spareRows = 20;

export function Logs({ known, route }: ViewProps) {
  const { run } = known;
  const { filters } = route;
  const around = useMoment(route.runId, filters['at']);
  const [follows, setFollows] = useState(true);
  const [opened, setOpened] = useState<LogLine>();
  const names = run?.processes.map(({ name }) => name) ?? [];
  const filter: LogFilter = {
    processes: filters['process'] === undefined ? [] : filters['process'].split(','),
    level: logLevels.find((level) => level === filters['level']) ?? 'debug',
    text: filters['find'] ?? '',
  };
  const all = around ?? known.logs;
  const lines = useMemo(
    () => chosenLines(all, filter),
    [all, filters['process'], filters['level'], filters['find']],
  );
  const change = (more: Readonly<Record<string, string>>): void =>
    goTo({ ...route, filters: { ...filters, ...more } }, true);
  const toggle = (name: string): void => {
    const { processes } = filter;
    const next = processes.includes(name) ? processes.filter((each) => each !== name) : [...processes, name];
    change({ process: next.length === names.length ? '' : next.join(',') });
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (
        event.key === 'f' &&
        !(event.target instanceof HTMLInputElement) &&
        !event.ctrlKey &&
        !event.metaKey
      )
        setFollows((on) => !on);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return (
    <section class="logs">
      <div class="toolbar">
        <span class="chips" role="group" aria-label="Processes">
          {names.map((name) => {
            const isOn = filter.processes.length === 0 || filter.processes.includes(name);
            return (
              <button
                type="button"
                key={name}
                class={`chip hue-${colourOf(name, names)}`}
                aria-pressed={filter.processes.includes(name)}
                data-shown={isOn}
                onClick={() => toggle(name)}
              >
                {name}
              </button>
            );
          })}
        </span>
        <span class="spring" />
        <select
          aria-label="Level"
          value={filter.level}
          onChange={({ currentTarget }) =>
            change({ level: currentTarget.value === 'debug' ? '' : currentTarget.value })
          }
        >
          <option value="debug">all levels</option>
          <option value="info">info and above</option>
          <option value="warn">warnings and errors</option>
          <option value="error">errors</option>
        </select>
        <label class="find">
          <Icon name="search" />
          <input
            type="search"
            placeholder="Find, or /pattern/"
            aria-label="Find in the logs"
            value={filter.text}
            onInput={({ currentTarget }) => change({ find: currentTarget.value })}
          />
        </label>
        <Copy text={() => textOf(lines)} label="Copy the lines shown" />
        <button
          type="button"
          class="button toggle"
          aria-pressed={follows && around === undefined}
          disabled={around !== undefined}
          title="Stay at the newest line (f)"
          onClick={() => setFollows(!follows)}
        >
          Follow
        </button>
      </div>
      {around === undefined ? null : (
        <div class="banner note">
          Lines around {clockText(Number(filters['at']))}.
          <Button label="Back to now" quiet onPress={() => change({ at: '' })} />
        </div>
      )}
      <Lines
        lines={lines}
        names={names}
        follows={follows && around === undefined}
        marked={around === undefined ? undefined : Number(filters['at'])}
        opened={opened}
        onOpen={(line) => setOpened(line === opened ? undefined : line)}
        onLeave={() => setFollows(false)}
        onEnd={() => setFollows(true)}
        reason={reasonFor(all.length, filter)}
      />
      {opened === undefined ? null : (
        <div class="opened">
          <header>
            <b>{opened.process}</b>
            <span class="soft">
              {opened.at === undefined ? 'no time' : new Date(opened.at).toISOString()}
            </span>
            <span class="spring" />
            <Copy text={opened.text} label="Copy the line" />
            <Button icon="close" label="Close" quiet small onPress={() => setOpened(undefined)} />
          </header>
          <pre>{opened.text}</pre>
        </div>
      )}
      <footer class="soft">
        {lines.length.toLocaleString('en-US')} of {all.length.toLocaleString('en-US')} lines
        {known.skippedLines === 0
          ? ''
          : `; ${known.skippedLines.toLocaleString('en-US')} came too fast to be shown`}
        <span class="spring" />
        Whole logs: <code>dynamo logs --run {run?.name}</code>
      </footer>
    </section>
  );
}

function reasonFor(count: number, filter: LogFilter): string {
  if (count === 0) return 'No process has written anything yet.';
  const parts = [
    ...(filter.processes.length === 0 ? [] : [filter.processes.join(', ')]),
    ...(filter.level === 'debug' ? [] : [`level ${filter.level}`]),
    ...(filter.text === '' ? [] : [JSON.stringify(filter.text)]),
  ];
  return `No line of ${count} matches ${parts.join(', ')}.`;
}

function textOf(lines: readonly LogLine[]): string {
  return lines.map(({ process, text }) => `${process} | ${text}\n`).join('');
}

/** The lines around a moment; `undefined` while the newest are shown. */
function useMoment(runId: string | undefined, at: string | undefined): readonly LogLine[] | undefined {
  const [lines, setLines] = useState<readonly LogLine[]>();
  useEffect(() => {
    setLines(undefined);
    if (runId === undefined || at === undefined || at === '') return undefined;
    let isOver = false;
    const load = async (): Promise<void> => {
      const found = await linesAround(runId, Number(at));
      if (!isOver) setLines(found);
    };
    void load();
    return () => void (isOver = true);
  }, [runId, at]);
  return lines;
}

interface LinesProps {
  readonly lines: readonly LogLine[];
  readonly names: readonly string[];
  readonly follows: boolean;
  /** A moment to scroll to. */
  readonly marked: number | undefined;
  readonly opened: LogLine | undefined;
  readonly onOpen: (line: LogLine) => void;
  /** Somebody scrolls back, or to the end. */
  readonly onLeave: () => void;
  readonly onEnd: () => void;
  readonly reason: string;
}

function Lines({ lines, names, follows, marked, opened, onOpen, onLeave, onEnd, reason }: LinesProps) {
  const list = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const at = marked === undefined ? -1 : lines.findIndex((line) => (line.at ?? 0) >= marked);
  useEffect(() => {
    const element = list.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (follows) list.current?.scrollTo({ top: lines.length * rowHeight });
  }, [follows, lines]);
  useEffect(() => {
    if (at >= 0) list.current?.scrollTo({ top: Math.max(0, at * rowHeight - height / 3) });
  }, [at, marked]);
  const onScroll = (): void => {
    const element = list.current;
    if (element === null) return;
    const before = top;
    setTop(element.scrollTop);
    const fromEnd = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (follows && element.scrollTop < before && fromEnd > rowHeight) onLeave();
    if (!follows && marked === undefined && element.scrollTop > before && fromEnd < 2) onEnd();
  };
  const first = Math.max(0, Math.floor(top / rowHeight) - spareRows);
  const shown = lines.slice(first, first + Math.ceil(height / rowHeight) + 2 * spareRows);
  const nameWidth = Math.max(8, ...names.map((name) => name.length));
  return (
    <div class="lines" ref={list} onScroll={onScroll} tabIndex={0} role="log" aria-label="Log lines">
      {lines.length === 0 ? (
        <Empty title="Nothing to show">{reason}</Empty>
      ) : (
        <div style={{ height: `${lines.length * rowHeight}px` }}>
          <div style={{ transform: `translateY(${first * rowHeight}px)` }}>
            {shown.map((line, index) => (
              <div
                key={first + index}
                class={`line ${line.level}${first + index === at ? ' marked' : ''}${line === opened ? ' open' : ''}`}
                onClick={() => onOpen(line)}
              >
                <time>{line.at === undefined ? '' : preciseClock(line.at)}</time>
                <span class={`hue hue-${colourOf(line.process, names)}`} style={{ width: `${nameWidth}ch` }}>
                  {line.process}
                </span>
                <span class="text">{shortened(line)}</span>
              </div>
            ))}
          </div>
        </div>
      )}
    </div>
  );
}

/** Its time stands in its own column. */
function shortened({ text, at }: LogLine): string {
  if (at === undefined) return text;
  return text.replace(
    /^\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\s?(?:Z|[+-]\d\d:?\d\d)?\]?\s*/,
    '',
  );
}
