/** Connects the supervisor of a prepared run to launcher, prober, control socket and files; cleans up when it has ended. */
import { messageOf } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';
import { systemClock } from '../base/clock.ts';
import { appendOwn } from '../host/own-file.ts';
import { isServing, type Plan, runsModel } from '../plan/plan.ts';
import { childEnvironment } from '../plan/run-environment.ts';
import { cgroupOfRun, removeCgroup } from '../process/cgroup.ts';
import { ownIdentity } from '../process/identity.ts';
import { keptLedger, startKeeper } from '../process/keeper.ts';
import { foreignListeners } from '../process/ports.ts';
import { appendCgroup, readContainers } from '../process/ledger.ts';
import { openLedger } from '../process/ledger-writer.ts';
import { createTracker } from '../process/tracker.ts';
import { createProbes } from '../probe/prober.ts';
import { type ControlServer, openControlServer } from '../run/control-server.ts';
import type { RunFiles } from '../run/folders.ts';
import { appendEvent, markSwept, socketIn } from '../run/record.ts';
import type { RunEvent } from '../supervisor/events.ts';
import { type Journal, openJournal } from '../supervisor/status.ts';
import { type Outcome, supervise, type Supervision } from '../supervisor/supervise.ts';
import type { Dependencies } from '../supervisor/contracts.ts';
import { createDiagnostician } from './diagnose-run.ts';
import { createLaunchers } from './launchers.ts';
import { reapProgram } from '../package/self.ts';
import { quietly } from './sole-reaper.ts';
import { sweepRun } from './sweep-run.ts';
import { type PreparedRun, tidyUp } from './tidy-up.ts';
import { recordsKeeper, restoredText } from './keep-records.ts';
import type { PlannerFollower } from './follow-planner.ts';
import type { Presence } from './presence.ts';
import type { LiveRun } from './scale-here.ts';
import { loadWatcher } from './watch-loads.ts';
import { startUpkeep, type Upkeep } from './upkeep.ts';
import type { Identity } from '../base/identity.ts';

/** Supervises the run in this process. `done` settles when everything has ended and is cleaned up. */
export async function runPlan(given: PreparedRun, onEvent: (event: RunEvent) => void): Promise<Supervision> {
  const opened: { control?: ControlServer } = {};
  try {
    return await begin(given, onEvent, opened);
  } catch (error) {
    // Its socket may be where no later command looks.
    await opened.control?.close();
    throw error;
  }
}

async function begin(
  given: PreparedRun,
  onEvent: (event: RunEvent) => void,
  opened: { control?: ControlServer },
): Promise<Supervision> {
  const { plan, files, folders } = given;
  let planNow = plan;
  const secrets: Record<string, string> = { ...given.environment.secrets };
  /** Its plan and its secrets follow the changes of the run. */
  const prepared: PreparedRun = {
    ...given,
    environment: { ...given.environment, secrets },
    get plan() {
      return planNow;
    },
  };
  let supervision: Supervision | undefined;
  let upkeep: Upkeep | undefined;
  let presence: Presence | undefined;
  let follower: PlannerFollower | undefined;
  const { variables } = prepared.environment;
  const environment = childEnvironment(plan, prepared.environment);
  const diagnostician = createDiagnostician(prepared);
  const journal = openJournal(plan, systemClock, (event) => hear(event));
  const liveRun = (): LiveRun => ({
    supervision: running(supervision, plan),
    run: prepared,
    supervisor,
    adopt,
  });
  const control = await openControlServer(socketIn(folders, files), {
    status: journal.status,
    history: journal.events,
    stop: (now) => (now ? supervision?.kill() : supervision?.stop()),
    act: async (action, process) => await supervision?.act(action, process),
    scale: async (replicas) => await scale(replicas),
    replace: async (replacement) => {
      const { replaceHere } = await import('./scale-here.ts');
      Object.assign(secrets, replacement.secrets);
      return await replaceHere(liveRun(), replacement);
    },
  });
  opened.control = control;
  const scale = async (replicas: Readonly<Record<string, number>>) => {
    const { scaleHere } = await import('./scale-here.ts');
    return await scaleHere(liveRun(), replicas);
  };
  const { prober, proving, release: releaseProbe } = createProbes(systemClock, foreignListeners);
  const release = (process: string): void => {
    const spec = planNow.processes.find(({ name }) => name === process);
    if (spec !== undefined) releaseProbe(spec.probe);
  };
  const forget = async (process: string): Promise<void> => {
    try {
      const { forgetDead } = await import('./forget-dead.ts');
      await forgetDead(planNow, process, variables);
    } catch {
      // The package was replaced meanwhile.
    }
  };
  const write = eventWriter(files);
  const hear = (event: RunEvent): void => {
    diagnostician.hear(event);
    control.publish(event);
    write(event);
    onEvent(event);
    if (event.type === 'process') upkeep?.stir(event.state);
    // Not before what follows in this turn: fifty processes that stop get their signals first.
    if (event.type === 'process' && event.state === 'failed') setImmediate(() => void forget(event.process));
    if (event.type === 'unhealthy' || (event.type === 'process' && event.state !== 'ready'))
      setImmediate(release, event.process);
    presence?.hear(event, journal.status());
    follower?.hear(event);
  };
  const adopt = (next: Plan): void => {
    planNow = next;
    keepRecords.follow(next);
  };
  const note = (text: string): void => journal.record({ type: 'note', text });
  openLedger(files.ledger);
  const tracker = createTracker(files.ledger);
  const supervisor = ownIdentity();
  const keepRecords = recordsKeeper(prepared, supervisor);
  const cgroup = cgroupOfRun(`${plan.runId}-${process.pid}`);
  if (cgroup !== undefined) appendCgroup(files.ledger, cgroup);
  upkeep = startUpkeep({
    run: prepared,
    ledgerFile: files.ledger,
    tracker,
    environment: variables,
    warn: (problem) => warn(files.supervisorLog, problem),
    restore: () => {
      const written = keepRecords.restore();
      if (written.length > 0) note(restoredText(written, files.folder));
    },
  });
  // Creates control groups while the keeper starts.
  const launcher = createLaunchers(prepared, { cgroup, tracker, environment, note });
  launcher.catch(() => {});
  const keeper = startKeeper({
    program: reapProgram(),
    words: reapWords(plan.runId, supervisor, keptLedger),
    ledgerFile: files.ledger,
    logFile: files.supervisorLog,
    environment: variables,
    onStart: keepRecords.keptBy,
  });
  if (runsModel(plan) && plan.share !== undefined) {
    const { openPresence } = await import('./presence.ts');
    presence = await openPresence({ ...plan, share: plan.share }, variables);
  }
  if (runsModel(plan) && plan.planner !== undefined) {
    const { followPlanner } = await import('./follow-planner.ts');
    follower = followPlanner({
      plan: () => planNow,
      status: journal.status,
      scale,
      restart: async (name) => await supervision?.act('restart', name),
      record: journal.record,
      environment: variables,
      clock: systemClock,
    });
  }
  const deps: Dependencies = {
    launcher: await launcher,
    prober,
    proving,
    clock: systemClock,
    random: Math.random,
    ...(isServing(plan)
      ? {
          work: async () => {
            const [{ createWorkProber }, { linesSince }] = await Promise.all([
              import('../probe/work.ts'),
              import('../run/log-file.ts'),
            ]);
            return createWorkProber(plan, systemClock, linesSince);
          },
        }
      : {}),
    loads: loadWatcher(() => prepared.plan, environment),
    leaveDiscovery: async (now, spec, until) => {
      const { leaveDiscovery } = await import('./leave-discovery.ts');
      await leaveDiscovery(now, spec, variables, until);
    },
    diagnose: (failure) => diagnostician.diagnose(failure),
    ...(presence === undefined ? {} : { peers: presence.peers }),
  };
  const started = supervise(plan, deps, journal);
  supervision = {
    ...started,
    done: started.done.then(async (seen) => {
      const outcome = await withContainers(seen, prepared, journal);
      upkeep?.end();
      await presence?.end();
      await follower?.end();
      const swept = await sweepRun(plan, variables);
      if (swept !== undefined) note(swept.text);
      quietly(() => markSwept(files, swept?.unswept));
      const released = keeper.release();
      // Meanwhile, the keeper ends. Synchronous: the thread pool takes longer to be asked than the kernel for each.
      if (cgroup !== undefined) removeCgroup(cgroup);
      await control.close();
      // The command that stopped the run reads its record afterwards, even if the folder was removed.
      keepRecords.restoreLast();
      await released;
      // Keep the records of what could not be stopped, so that the next command can try again.
      if (outcome.left.length === 0) tidyUp({ ...prepared, record: keepRecords.record });
      return outcome;
    }),
  };
  return supervision;
}

function running(supervision: Supervision | undefined, { runId }: Plan): Supervision {
  if (supervision !== undefined) return supervision;
  throw new DynamoError('busy', `Run ${runId} is not ready yet.`, { fields: { runId } });
}

/** Writes what happens in one turn at once: when fifty processes stop together, that is one write instead of fifty. */
function eventWriter(files: RunFiles): (event: RunEvent) => void {
  let unwritten: RunEvent[] = [];
  const write = (): void => {
    const events = unwritten;
    unwritten = [];
    try {
      appendEvent(files, ...events);
    } catch (error) {
      // A full disk must not end a deployment that serves.
      warn(files.supervisorLog, `events are not written: ${messageOf(error)}`);
    }
  };
  return (event) => {
    unwritten.push(event);
    if (unwritten.length === 1) queueMicrotask(write);
  };
}

/** A launch that failed because Docker went away may have left a container that nothing tracks. */
async function withContainers(
  outcome: Outcome,
  { plan, files }: PreparedRun,
  journal: Journal,
): Promise<Outcome> {
  if (plan.docker === undefined) return outcome;
  const { endRest } = await import('../container/in-ledger.ts');
  const rest = await endRest(readContainers(files.ledger), systemClock);
  const left = [...new Set([...outcome.left, ...rest.left])];
  if (left.length === outcome.left.length && rest.killed.length === 0) return outcome;
  const all = { ...outcome, killed: [...outcome.killed, ...rest.killed], left };
  journal.record({ type: 'stopped', killed: all.killed, left });
  return all;
}

function warn(file: string, text: string): void {
  try {
    appendOwn(file, `${new Date().toISOString()} ${text}\n`);
  } catch {
    // Nothing can be written at all.
  }
}

/** Arguments of a keeper's reap program: the supervisor, and the open ledger, so that no record must be read. `ledger`: a descriptor. */
function reapWords(runId: string, { pid, startTime }: Identity, ledger: number): string[] {
  return ['reap', '--supervisor', `${pid}@${startTime}`, '--ledger', String(ledger), '--', runId];
}
