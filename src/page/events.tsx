/** What happened in a run, newest first; each event leads to the logs of its moment. */
import { useState } from 'preact/hooks';
import { changedText, decisionText, type RunEvent, stoppedText, waitedText } from '../supervisor/events.ts';
import { exitText } from '../supervisor/failure.ts';
import { doingText } from '../supervisor/progress.ts';
import { clockText, durationText } from './format.ts';
import type { ViewProps } from './view-props.ts';
import { Button, Card, Empty } from './parts.tsx';
import { goTo } from './route.ts';
import type { Tone } from './wiring.ts';

interface Line {
  readonly at: number;
  readonly tone: Tone;
  readonly process?: string;
  readonly text: string;
}

const mostShown = 300;

export function Events({ known, route }: ViewProps) {
  const [important, setImportant] = useState(false);
  const lines = known.events.flatMap(lineOf).filter(({ tone }) => !important || tone !== 'idle');
  return (
    <Card
      title="Events"
      note={`${lines.length}`}
      class="events"
      actions={
        <label class="check">
          <input
            type="checkbox"
            checked={important}
            onChange={({ currentTarget }) => setImportant(currentTarget.checked)}
          />
          changes only
        </label>
      }
    >
      {lines.length === 0 ? (
        <Empty title="No events yet" />
      ) : (
        <ol class="scroll">
          {lines
            .slice(-mostShown)
            .toReversed()
            .map(({ at, tone, process, text }, index) => (
              <li key={`${at}${index}`} class={tone}>
                <time title={new Date(at).toISOString()}>{clockText(at)}</time>
                <i class={`dot ${tone}`} />
                <span>
                  {process === undefined ? null : <b>{process}</b>} {text}
                </span>
                <Button
                  icon="log"
                  label={`Logs at ${clockText(at)}`}
                  quiet
                  small
                  onPress={() =>
                    goTo({
                      runId: route.runId,
                      view: 'logs',
                      filters: { at: String(at), ...(process === undefined ? {} : { process }) },
                    })
                  }
                />
              </li>
            ))}
        </ol>
      )}
    </Card>
  );
}

function lineOf(event: RunEvent): Line[] {
  const { at } = event;
  switch (event.type) {
    case 'process': {
      const { process, state, exit, pid } = event;
      const waited = waitedText(event.waited);
      if (state === 'starting')
        return [
          { at, tone: 'idle', process, text: waited === undefined ? 'starts' : `starts; it ${waited}` },
        ];
      if (state === 'started')
        return [{ at, tone: 'idle', process, text: `started, pid ${pid ?? 'unknown'}` }];
      if (state === 'failed')
        return [
          { at, tone: 'bad', process, text: exit === undefined ? 'failed' : `ended: ${exitText(exit)}` },
        ];
      if (state === 'backoff') return [{ at, tone: 'warn', process, text: 'waits before it is restarted' }];
      if (state === 'ready') return [{ at, tone: 'good', process, text: 'ready' }];
      return [{ at, tone: state === 'stopping' ? 'warn' : 'idle', process, text: state }];
    }
    case 'run':
      return [{ at, tone: event.phase === 'stopping' ? 'warn' : 'busy', text: `run ${event.phase}` }];
    case 'unhealthy':
      return [{ at, tone: 'bad', process: event.process, text: `unhealthy: ${event.seen}` }];
    case 'waiting':
      return [{ at, tone: 'idle', text: `waiting for ${event.for}` }];
    case 'changed':
      return [{ at, tone: 'good', text: changedText(event) }];
    case 'decision':
      return [{ at, tone: event.outcome === 'refused' ? 'warn' : 'good', text: decisionText(event) }];
    case 'note':
      return [{ at, tone: 'warn', text: event.text }];
    case 'progress':
      return [
        {
          at,
          tone: 'idle',
          process: event.process,
          text: doingText(event.progress),
        },
      ];
    case 'ready': {
      const { request, tookMs } = event.proof;
      return [
        {
          at,
          tone: 'good',
          text: `run ready after ${durationText(event.tookMs)}; ${request} answered in ${durationText(tookMs)}`,
        },
      ];
    }
    case 'failed':
      return [{ at, tone: 'bad', text: event.reason.message }];
    case 'diagnosed':
      return [{ at, tone: 'bad', text: `cause: ${event.diagnosis.cause}` }];
    case 'stopped':
      return [{ at, tone: event.left.length > 0 ? 'bad' : 'idle', text: stoppedText(event) }];
  }
}
