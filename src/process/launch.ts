/** Starts processes so that they can be stopped reliably: own session, own log file, recorded in the ledger before they run. */
import { closeSync, fstatSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import type { Clock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import { openToAppend } from '../host/own-file.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import type { Child } from '../supervisor/contracts.ts';
import type { Exit } from '../supervisor/events.ts';
import { cgroupFor } from './cgroup.ts';
import { untilDrained } from './ports.ts';
import { hangupIsIgnored } from './hangup.ts';
import { gatedCommand, openGate, spawnError, spawnSession } from './spawn.ts';
import { identify } from './identity.ts';
import { appendToLedger, type LedgerEntry } from './ledger.ts';
import { fileIdentity, readStat } from './proc.ts';
import { stopTree } from './stop-tree.ts';
import type { Tracker } from './tracker.ts';
import { watchVitalChildren } from './vital-children.ts';

export interface LauncherSettings {
  readonly runId: string;
  readonly ledgerFile: string;
  /** Folder of the run's control group, if it has one. */
  readonly cgroup?: string | undefined;
  readonly tracker: Tracker;
  /** What every process inherits; `spec.env` overrides it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Of this plan: their control groups are created at once, before the first of them is launched. */
  readonly expected?: readonly string[];
}

/** A Child whose pid is known. */
export interface ProcessChild extends Child {
  readonly pid: number;
}

export interface ProcessLauncher {
  launch(spec: ProcessSpec): Promise<ProcessChild>;
}

export function createLauncher(settings: LauncherSettings): ProcessLauncher {
  const { cgroup, expected = [] } = settings;
  const groups = new Map(expected.map((process) => [process, cgroupFor(cgroup, process)]));
  const groupOf = async (process: string): Promise<string | undefined> => {
    // A process that joins its group holds up, for 10 ms, whoever makes another one or starts a process.
    await Promise.all(groups.values());
    const group = groups.get(process) ?? cgroupFor(cgroup, process);
    // It may be removed between two lives of a process.
    groups.delete(process);
    return await group;
  };
  return { launch: async (spec) => await launch(spec, settings, await groupOf(spec.name)) };
}

async function launch(
  spec: ProcessSpec,
  settings: LauncherSettings,
  cgroup: string | undefined,
): Promise<ProcessChild> {
  mkdirSync(dirname(spec.logFile), { recursive: true });
  const log = openToAppend(spec.logFile);
  try {
    const about = { ...settings, cgroup, logFile: fileIdentity(fstatSync(log)) };
    const argv = gatedCommand(spec.argv, { cgroup, ignoresHangup: hangupIsIgnored(settings.environment) });
    const inheritance = { cwd: spec.cwd, env: { ...settings.environment, ...spec.env } };
    const { child, ended, failure } = spawnSession(argv, {
      ...inheritance,
      stdio: ['ignore', log, log, 'pipe'],
    });
    if (child?.pid === undefined) {
      await ended;
      throw spawnError({ who: spec.name, argv, ...inheritance }, failure());
    }
    const entry = recorded(child, spec, about);
    settings.tracker.add(entry);
    child.once('exit', () => settings.tracker.ended(entry));
    // What is started with it comes first: before what we do about this one, and before this one joins its control group.
    await setImmediate();
    openGate(child);
    const vital = watchVitalChildren(spec, ended, settings);
    return {
      ...childOf(entry, ended, settings),
      degraded: vital.lost,
      trackChildren: vital.find,
      vitalChildren: vital.now,
    };
  } finally {
    closeSync(log);
  }
}

interface EntrySettings extends LauncherSettings {
  /** `device:inode` of the file that it writes to. */
  readonly logFile: string;
}

/** A process that cannot be recorded must not run: it is still waiting at the gate. */
function recorded(child: ChildProcess, spec: ProcessSpec, settings: EntrySettings): LedgerEntry {
  try {
    const entry = entryOf(child.pid, spec, settings);
    appendToLedger(settings.ledgerFile, entry);
    return entry;
  } catch (error) {
    // Never without a pid: Node would signal process 0, which means our own process group.
    if (child.pid !== undefined) child.kill('SIGKILL');
    throw error;
  }
}

function entryOf(
  pid: number | undefined,
  spec: ProcessSpec,
  { runId, cgroup, logFile }: EntrySettings,
): LedgerEntry {
  const identity = pid === undefined ? undefined : identify(pid);
  const stat = pid === undefined ? undefined : readStat(pid);
  if (identity === undefined || stat === undefined) {
    throw new DynamoError('environment', `${spec.name} could not be started: /bin/sh did not run.`, {
      fields: { process: spec.name, program: '/bin/sh' },
    });
  }
  return {
    ...identity,
    runId,
    process: spec.name,
    // setsid was called or is about to be called: both ids will be the pid.
    pgrp: identity.pid,
    session: identity.pid,
    logFile,
    ...(cgroup === undefined ? {} : { cgroup }),
  };
}

function childOf(
  entry: LedgerEntry,
  exited: Promise<Exit>,
  { tracker, clock }: Pick<LauncherSettings, 'tracker' | 'clock'>,
): ProcessChild {
  let forced = false;
  return {
    pid: entry.pid,
    exited,
    degraded: new Promise(() => {}),
    trackChildren: async () => {},
    vitalChildren: () => [],
    drained: (port, ended) => untilDrained(port, clock, ended),
    stop: (graceMs) =>
      stopTree({
        process: entry.process,
        tracker,
        graceMs,
        clock,
        isForced: () => forced,
        leaderEnded: exited,
      }),
    kill: () => void (forced = true),
  };
}

/** Processes that a ledger lists but whose supervisor is gone: they can be stopped; nothing else is known about them. */
export function childrenInLedger(tracker: Tracker, clock: Clock): Map<string, Child> {
  const unknown: Promise<Exit> = Promise.resolve({ code: undefined, signal: undefined });
  return new Map(
    tracker.entries.map((entry) => [entry.process, childOf(entry, unknown, { tracker, clock })]),
  );
}
