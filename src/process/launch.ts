/** Starts processes so that they can be ended for certain: own session, own log file, written down before they run. */
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { execa } from 'execa';
import type { Clock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { DynamoError } from '../base/error.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import type { Child, Exit } from '../supervisor/child.ts';
import { cgroupFor } from './cgroup.ts';
import { identify } from './identity.ts';
import { appendToLedger, commandDigest, type LedgerEntry } from './ledger.ts';
import { fileOf, readStat } from './proc.ts';
import { stopTree } from './stop-tree.ts';
import type { Tracker } from './tracker.ts';
import { lossOfVital } from './vital-children.ts';

/**
 * Waits for a byte on descriptor 3, so that the ledger knows the process before it can start another, and joins the
 * control group that is its first argument, where there is one.
 */
const gate =
  'read -r _ <&3 || exit 125; exec 3<&-; [ -z "$1" ] || echo $$ 2>/dev/null >"$1/cgroup.procs"; shift; exec "$@"';

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
  const log = openSync(spec.logFile, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o600);
  try {
    const recorded = deferred<void>();
    const cgroup = cgroupFor(settings.cgroup, spec.name);
    const running = execa('/bin/sh', ['-c', gate, 'sh', cgroup ?? '', ...spec.argv], {
      cwd: spec.cwd,
      env: { ...settings.environment, ...spec.env },
      extendEnv: false,
      // Own session and group. It also turns off execa's clean-up at our exit, which knows only the direct child.
      detached: true,
      // execa's types name the descriptors 3 to 9; any open one works.
      stdio: ['ignore', log as 3, log as 3, opening(recorded.promise)],
      buffer: false,
      reject: false,
    });
    const exited = running.then(({ exitCode, signal }): Exit => ({ code: exitCode, signal }));
    const entry = writtenDown(running, spec, { ...settings, cgroup });
    settings.tracker.add(entry);
    running.once('exit', () => settings.tracker.ended(entry));
    recorded.resolve();
    const crippled = lossOfVital(spec, settings.tracker, exited);
    return { ...childOf(entry, exited, settings), crippled };
  } finally {
    closeSync(log);
  }
}

/** What cannot be written down must not run: it is still behind the gate. */
function writtenDown(
  running: { readonly pid?: number; kill(signal: 'SIGKILL'): boolean },
  spec: ProcessSpec,
  settings: LauncherSettings,
): LedgerEntry {
  try {
    const entry = entryOf(running.pid, spec, settings);
    appendToLedger(settings.ledgerFile, entry);
    return entry;
  } catch (error) {
    // Never without a pid: Node then asks the kernel to kill process 0, which is our own group.
    if (running.pid !== undefined) running.kill('SIGKILL');
    throw error;
  }
}

async function* opening(recorded: Promise<void>): AsyncGenerator<string> {
  await recorded;
  yield '\n';
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
    crippled: new Promise(() => {}),
    stop: (graceMs) => stopTree({ process: entry.process, tracker, graceMs, clock, hurry: hurry.signal }),
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
