/** Says of a process who owns it, since when it runs, what it is, and in which container. */
import { readFileSync } from 'node:fs';
import type { ProcessFacts } from '../base/identity.ts';
import { containerOf } from './container-mark.ts';
import { bootId } from './identity.ts';
import { commandLine, isLiving, readStat } from './proc.ts';

/** USER_HZ: 100 on every architecture that Node runs on. */
const ticksPerSecond = 100;

let names: ReadonlyMap<number, string> | undefined;

/** `undefined` for one that is gone. */
export function factsOf(pid: number): ProcessFacts | undefined {
  const stat = readStat(pid);
  if (!isLiving(stat)) return undefined;
  const uid = uidOf(pid);
  const container = containerOf(text(`/proc/${pid}/cgroup`), text('/proc/self/cgroup'));
  return {
    bootId: bootId(),
    pid,
    startTime: stat.startTime,
    uid,
    user: userName(uid),
    ageMs: Math.max(0, uptimeMs() - (Number(stat.startTime) * 1000) / ticksPerSecond),
    command: commandLine(pid, 60),
    ...(container === undefined ? {} : { container }),
  };
}

/** When a process with this start time began, in milliseconds since the epoch. */
export function startedAtMs(startTime: string): number {
  return Date.now() - uptimeMs() + (Number(startTime) * 1000) / ticksPerSecond;
}

/** The real user; who owns the folder in /proc is root for one that may not be dumped. */
function uidOf(pid: number): number {
  return Number(/^Uid:\s+(\d+)/m.exec(text(`/proc/${pid}/status`))?.[1] ?? -1);
}

function userName(uid: number): string {
  names ??= new Map(
    text('/etc/passwd')
      .split('\n')
      .map((line) => line.split(':'))
      .map(([name = '', , id]): [number, string] => [Number(id), name]),
  );
  return names.get(uid) ?? `uid ${uid}`;
}

function uptimeMs(): number {
  return Number(text('/proc/uptime').split(' ')[0]) * 1000;
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
