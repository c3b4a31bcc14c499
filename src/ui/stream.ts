/** What a page is told, as it happens: the list of runs and, of the run that it shows, events, use of the machine and logs. */
import { hostname } from 'node:os';
import type { Environment } from '../base/environment.ts';
import { linesOf } from '../base/logs.ts';
import { systemClock } from '../base/clock.ts';
import { messageOf } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';
import { eventsOf } from '../deployment/ask-supervisor.ts';
import { runAsItIs } from '../deployment/find-run.ts';
import { version } from '../package/version.ts';
import type { LogLine } from '../page/messages.ts';
import type { Plan } from '../plan/plan.ts';
import { isAlive } from '../process/identity.ts';
import type { StateFolders } from '../run/folders.ts';
import { followLogs } from '../run/log-follow.ts';
import { readPlan, type StoredRun, storedRuns } from '../run/record.ts';
import type { RunEvent } from '../supervisor/events.ts';
import { endOfLogs, lineReaders } from './log-lines.ts';
import type { Outlet } from './outlet.ts';
import { detailOf, runLister, usageReader } from './runs.ts';

export interface Source {
  readonly folders: StateFolders;
  readonly environment: Environment;
}

/** How often the list of runs and the use of the machine are looked at, while a page is open. */
const lookMs = 2_000;
/** Events that come at once, as at the start of a stream, become one message. */
const gatherMs = 20;
const logsMs = 100;
/** Of each process, at the start. */
const tailLines = 500;
/** A page cannot show more within `logsMs`; of a flood it gets the newest. */
const mostAtOnce = 1_000;

/** Until the page has gone. */
export function stream(source: Source, runId: string | undefined, outlet: Outlet): void {
  outlet.send({ type: 'hello', version, host: hostname() });
  streamList(source, outlet);
  if (runId === undefined) return;
  const run = storedRuns(source.folders, isAlive).find(({ record }) => record.runId === runId);
  const plan = run === undefined ? undefined : readPlan(run.files);
  const detail = run === undefined ? undefined : detailOf(run);
  if (run === undefined || plan === undefined || detail === undefined) {
    const why = run === undefined ? 'There is no such run any more.' : 'Its plan cannot be read.';
    outlet.send({ type: 'no-run', runId, why });
    return;
  }
  outlet.send({ type: 'run', run: detail });
  void streamEvents(source, runId, outlet);
  streamLogs(source, plan, outlet);
  streamUsage(source, run, outlet);
}

function streamList({ folders }: Source, outlet: Outlet): void {
  const list = runLister(folders);
  let before = '';
  repeat(outlet, async () => {
    const seen = await list();
    const text = JSON.stringify(seen);
    if (text !== before) outlet.send({ type: 'runs', ...seen });
    before = text;
  });
}

function streamUsage({ folders }: Source, run: StoredRun, outlet: Outlet): void {
  if (run.record.endedAt !== undefined) return;
  const read = usageReader(run);
  repeat(outlet, async () => {
    if (runAsItIs(folders, run).record.endedAt !== undefined) return;
    outlet.send({ type: 'usage', at: Date.now(), usage: await read() });
  });
}

/** Now and every `lookMs`, but never twice at the same time, until the page has gone. A failed look is repeated. */
function repeat({ gone }: Outlet, look: () => Promise<void>): void {
  const loop = async (): Promise<void> => {
    while (!gone.aborted) {
      await look().catch(() => {});
      await systemClock.sleep(lookMs, gone);
    }
  };
  // It only rejects when the page has gone.
  loop().catch(() => {});
}

/** From the first event on; again from the first one after the supervisor could not be asked for a while. */
async function streamEvents({ folders }: Source, runId: string, outlet: Outlet): Promise<void> {
  while (!outlet.gone.aborted) {
    const gathered = gather(outlet);
    try {
      for await (const event of eventsOf(folders, runId, outlet.gone)) gathered.add(event);
      gathered.flush();
      return;
    } catch (error) {
      gathered.flush();
      const known = error instanceof DynamoError && error.code === 'unavailable';
      if (!known && !outlet.gone.aborted)
        outlet.send({ type: 'no-run', runId, why: `Its events cannot be read: ${messageOf(error)}` });
      if (!known) return;
    }
    await systemClock.sleep(lookMs, outlet.gone).catch(() => {});
  }
}

function gather(outlet: Outlet) {
  let waiting: RunEvent[] = [];
  let reset = true;
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.length === 0 && !reset) return;
    outlet.send({ type: 'events', events: waiting, reset });
    [waiting, reset] = [[], false];
  };
  return {
    add: (event: RunEvent): void => {
      waiting.push(event);
      timer ??= setTimeout(flush, gatherMs);
    },
    flush,
  };
}

function streamLogs({ environment }: Source, plan: Plan, outlet: Outlet): void {
  const readers = lineReaders(plan, environment);
  const { lines, positions } = endOfLogs(plan, readers, tailLines);
  outlet.send({ type: 'logs', lines, skipped: 0, reset: true });
  let waiting: LogLine[] = [];
  let skipped = 0;
  const follower = followLogs(positions, {
    onText: (process, text) => {
      const read = readers.get(process);
      if (read !== undefined) waiting.push(...linesOf(text).map(read));
      if (waiting.length <= mostAtOnce) return;
      skipped += waiting.length - mostAtOnce;
      waiting = waiting.slice(-mostAtOnce);
    },
  });
  const timer = setInterval(() => {
    if (waiting.length === 0 || !outlet.hasRoom()) return;
    outlet.send({ type: 'logs', lines: waiting, skipped, reset: false });
    [waiting, skipped] = [[], 0];
  }, logsMs);
  outlet.gone.addEventListener('abort', () => {
    clearInterval(timer);
    void follower.end();
  });
}
