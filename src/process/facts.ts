/** Facts about a process: its user, age, command, and container. */
import { readFileSync } from 'node:fs';
import type { ContainerMark, ProcessFacts } from '../base/identity.ts';
import { bootId } from './identity.ts';
import { commandLine, isLiving, readStat } from './proc.ts';

/** USER_HZ: 100 on every architecture that Node runs on. */
const ticksPerSecond = 100;

let names: ReadonlyMap<number, string> | undefined;

/** `undefined` if it is gone. */
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

/** When a process with this start time started, in milliseconds since the epoch. */
export function startedAtMs(startTime: string): number {
  return Date.now() - uptimeMs() + (Number(startTime) * 1000) / ticksPerSecond;
}

/** The real user. The folder in /proc may belong to root instead, if the process is not dumpable. */
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

/** What precedes the id in the group name, with either cgroup driver. */
const tools: readonly (readonly [RegExp, string])[] = [
  [/docker/, 'docker'],
  [/libpod/, 'podman'],
  [/nerdctl/, 'nerdctl'],
  [/kubepods|cri-containerd|crio/, 'crictl'],
];

/**
 * Docker, containerd, CRI-O and Podman all put 64 hexadecimal digits into the name of the control group; for nested
 * containers the innermost counts. `undefined` if there is none, or if `ours` is in the same container: stopping it would
 * stop this process too.
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

/** Starting after the outer container, if there is one, which may be of another kind. */
function beforeIt(path: string): string {
  return path.split(/[0-9a-f]{64}/).at(-1) ?? '';
}
