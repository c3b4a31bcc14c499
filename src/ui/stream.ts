/** What a page is told, as it happens: the list of runs and, of the run that it shows, events, use of the machine and logs. */
import { hostname } from 'node:os';
import { linesOf } from '../base/logs.ts';
import { systemClock } from '../base/clock.ts';
import { messageOf } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';
import { eventsOf } from '../deployment/ask-supervisor.ts';
import { version } from '../package/version.ts';
import type { LogLine, RequestRow, Sample } from '../page/messages.ts';
import type { Plan } from '../plan/plan.ts';
import { isAlive } from '../process/identity.ts';
import type { Workspace } from '../run/folders.ts';
import { followAdded } from '../run/added-logs.ts';
import { followLogs, type LogFollower } from '../run/log-follow.ts';
import { hostZone } from '../run/log-time.ts';
import { readPlan, type StoredRun, storedRuns } from '../run/record.ts';
import type { RunEvent } from '../supervisor/events.ts';
import { endOfLogs, lineReader, lineReaders } from './log-lines.ts';
import type { Outlet } from './outlet.ts';
import { detailOf, runLister } from './runs.ts';
import { followRequests, mostRows, type Traces } from './requests.ts';
import { readSamples, sampleFile, workersIn } from './sample-file.ts';
import type { Samplers } from './samplers.ts';

/** What the connections of one server share. */
export interface Server extends Workspace {
  readonly samplers: Samplers;
  readonly traces: Traces;
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
export function stream(source: Server, runId: string | undefined, outlet: Outlet): void {
  outlet.send({ type: 'hello', version, host: hostname(), tracesPort: source.traces.port });
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
  const logs = streamLogs(source, plan, outlet);
  const onChange = (event: RunEvent): void => {
    const changed = detailOf(run);
    if (changed !== undefined) outlet.send({ type: 'run', run: changed });
    followAdded(logs, run.files, event);
  };
  void streamEvents(source, runId, outlet, onChange);
  streamFigures(source, run, outlet);
  streamRequests(source, run, outlet);
}

function streamList({ folders }: Workspace, outlet: Outlet): void {
  const list = runLister(folders);
  let before = '';
  repeat(outlet, async () => {
    const seen = await list();
    const text = JSON.stringify(seen);
    if (text !== before) outlet.send({ type: 'runs', ...seen });
    before = text;
  });
}

/** Figures of a run that is up, as they come; of one that has ended, those that were kept. */
function streamFigures({ samplers }: Server, run: StoredRun, outlet: Outlet): void {
  const sampler = samplers.of(run.record.runId);
  const past = sampler === undefined ? readSamples(sampleFile(run.files)) : sampler.past();
  outlet.send({ type: 'past', samples: thinned(past) });
  if (sampler !== undefined) outlet.gone.addEventListener('abort', sampler.listen(outlet.send));
}

/** Those of its file and, as far as traces were received, those of its workers. */
function streamRequests({ samplers, traces }: Server, run: StoredRun, outlet: Outlet): void {
  const kept = workersIn(readSamples(sampleFile(run.files)));
  const workers = (): Readonly<Record<string, string>> => ({
    ...kept,
    ...samplers.of(run.record.runId)?.workers(),
  });
  const send = (rows: readonly RequestRow[]): void => {
    if (rows.length > 0) outlet.send({ type: 'requests', rows: rows.slice(-mostRows), workers: workers() });
  };
  const sendTraced = (): void => {
    const known = workers();
    send(traces.rowsOf(run.files.folder, (id) => known[id] !== undefined));
  };
  const { folder } = run.files;
  const ends = [followRequests(folder, send), traces.follow(folder), traces.listen(sendTraced)];
  sendTraced();
  outlet.gone.addEventListener('abort', () => {
    for (const end of ends) end();
  });
}

/** A chart has a thousand pixels. */
const mostSamples = 2_000;

function thinned(samples: readonly Sample[]): readonly Sample[] {
  const step = Math.ceil(samples.length / mostSamples);
  return step <= 1 ? samples : samples.filter((_, index) => index % step === 0);
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
async function streamEvents(
  { folders }: Workspace,
  runId: string,
  outlet: Outlet,
  onChange: (event: RunEvent) => void,
): Promise<void> {
  while (!outlet.gone.aborted) {
    const gathered = gather(outlet);
    try {
      for await (const event of eventsOf(folders, runId, outlet.gone)) {
        if (event.type === 'changed') onChange(event);
        gathered.add(event);
      }
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

function streamLogs({ environment }: Workspace, plan: Plan, outlet: Outlet): LogFollower {
  const readers = new Map(lineReaders(plan, environment));
  const zone = hostZone(environment);
  const { lines, positions } = endOfLogs(plan, readers, tailLines);
  outlet.send({ type: 'logs', lines, skipped: 0, reset: true });
  let waiting: LogLine[] = [];
  let skipped = 0;
  const follower = followLogs(positions, {
    onText: (process, text) => {
      const read = readers.get(process) ?? lineReader(process, zone);
      readers.set(process, read);
      waiting.push(...linesOf(text).map(read));
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
  return follower;
}
