/** Starts processes so that they can be ended for certain: own session, own log file, written down before they run. */
import { closeSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import type { Clock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import { openToAppend } from '../host/own-file.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import type { Child } from '../supervisor/contracts.ts';
import type { Exit } from '../supervisor/events.ts';
import { cgroupFor } from './cgroup.ts';
import { untilDrained } from './ports.ts';
import { gatedCommand, hangupIsIgnored, openGate, spawnError, spawnSession } from './spawn.ts';
import { identify } from './identity.ts';
import { appendToLedger, commandDigest, type LedgerEntry } from './ledger.ts';
import { fileOf, readStat } from './proc.ts';
import { stopTree } from './stop-tree.ts';
import type { Tracker } from './tracker.ts';
import { watchVitalChildren } from './vital-children.ts';

export interface LauncherSettings {
  readonly runId: string;
  readonly ledgerFile: string;
  /** Folder of the run's control group, where it has one. */
  readonly cgroup?: string | undefined;
  readonly tracker: Tracker;
  /** What every process inherits; `spec.env` is set on top. */
  readonly environment: Readonly<Record<string, string>>;
  readonly clock: Clock;
}

/** A Child whose pid is known. */
export interface ProcessChild extends Child {
  readonly pid: number;
}

export interface ProcessLauncher {
  launch(spec: ProcessSpec): Promise<ProcessChild>;
}

export function createLauncher(settings: LauncherSettings): ProcessLauncher {
  return { launch: (spec) => launch(spec, settings) };
}

async function launch(spec: ProcessSpec, settings: LauncherSettings): Promise<ProcessChild> {
  mkdirSync(dirname(spec.logFile), { recursive: true });
  const log = openToAppend(spec.logFile);
  try {
    const cgroup = await cgroupFor(settings.cgroup, spec.name);
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
    const entry = writtenDown(child, spec, { ...settings, cgroup });
    settings.tracker.add(entry);
    child.once('exit', () => settings.tracker.ended(entry));
    openGate(child);
    const vital = watchVitalChildren(spec, ended, settings);
    return { ...childOf(entry, ended, settings), degraded: vital.lost, trackChildren: vital.meet };
  } finally {
    closeSync(log);
  }
}

/** What cannot be written down must not run: it is still behind the gate. */
function writtenDown(child: ChildProcess, spec: ProcessSpec, settings: LauncherSettings): LedgerEntry {
  try {
    const entry = entryOf(child.pid, spec, settings);
    appendToLedger(settings.ledgerFile, entry);
    return entry;
  } catch (error) {
    // Never without a pid: Node then asks the kernel to kill process 0, which is our own group.
    if (child.pid !== undefined) child.kill('SIGKILL');
    throw error;
  }
}

function entryOf(
  pid: number | undefined,
  spec: ProcessSpec,
  { runId, cgroup }: LauncherSettings,
): LedgerEntry {
  const identity = pid === undefined ? undefined : identify(pid);
  const stat = pid === undefined ? undefined : readStat(pid);
  if (identity === undefined || stat === undefined) {
    throw new DynamoError('environment', `${spec.name} could not be started: /bin/sh did not run.`);
  }
  return {
    ...identity,
    runId,
    process: spec.name,
    // setsid has been called or is about to be: both ids will be the pid.
    pgrp: identity.pid,
    session: identity.pid,
    logFile: fileOf(identity.pid, 1) ?? '',
    ...(cgroup === undefined ? {} : { cgroup }),
    command: commandDigest(spec.argv),
  };
}

function childOf(
  entry: LedgerEntry,
  exited: Promise<Exit>,
  { tracker, clock }: Pick<LauncherSettings, 'tracker' | 'clock'>,
): ProcessChild {
  const hurry = new AbortController();
  return {
    pid: entry.pid,
    exited,
    degraded: new Promise(() => {}),
    trackChildren: async () => {},
    drained: (port, ended) => untilDrained(port, clock, ended),
    stop: (graceMs) =>
      stopTree({
        process: entry.process,
        tracker,
        graceMs,
        clock,
        hurry: hurry.signal,
        leaderEnded: exited,
      }),
    kill: () => hurry.abort(),
  };
}

/** Handles on what a ledger says was started by a supervisor that is gone: they can be stopped, and no more is known. */
export function childrenInLedger(tracker: Tracker, clock: Clock): Map<string, Child> {
  const unknown: Promise<Exit> = Promise.resolve({ code: undefined, signal: undefined });
  return new Map(
    tracker.entries.map((entry) => [entry.process, childOf(entry, unknown, { tracker, clock })]),
  );
}
