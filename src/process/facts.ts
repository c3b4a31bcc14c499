/** Says of a process who owns it, since when it runs, what it is, and in which container. */
import { readFileSync } from 'node:fs';
import type { ContainerMark, ProcessFacts } from '../base/identity.ts';
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

/** What stands before the id, with either driver of control groups. */
const tools: readonly (readonly [RegExp, string])[] = [
  [/docker/, 'docker'],
  [/libpod/, 'podman'],
  [/nerdctl/, 'nerdctl'],
  [/kubepods|cri-containerd|crio/, 'crictl'],
];

/**
 * Docker, containerd, CRI-O and Podman all put 64 hexadecimal digits into the name of the control group; of containers
 * within one another the last is meant. `undefined` where there is none, or it is that of `ours` as well: to end that
 * container would end who asks.
 */
export function containerOf(cgroup: string, ours = ''): ContainerMark | undefined {
  const [mine, theirs] = [innermost(ours), innermost(cgroup)];
  if (theirs === undefined || theirs.id === mine?.id) return undefined;
  const id = theirs.id.slice(0, 12);
  const tool = tools.find(([mark]) => mark.test(theirs.before))?.[1];
  return { id, ...(tool === undefined ? {} : { stop: `${tool} stop ${id}` }) };
}

function innermost(cgroup: string): { readonly id: string; readonly before: string } | undefined {
  for (const line of cgroup.split('\n')) {
    const last = [...line.matchAll(/[0-9a-f]{64}/g)].at(-1);
    if (last !== undefined) return { id: last[0], before: beforeIt(line.slice(0, last.index)) };
  }
  return undefined;
}

/** From the container around it on, if there is one: that may be of another kind. */
function beforeIt(path: string): string {
  return path.split(/[0-9a-f]{64}/).at(-1) ?? '';
}
