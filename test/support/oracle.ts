/** Finds processes by their marks in /proc. Shares no code with what it judges. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Seen {
  readonly pid: number;
  readonly ppid: number;
  readonly pgrp: number;
  readonly session: number;
  readonly startTime: string;
  readonly command: string;
}

/** What is alive under this pid: zombies are dead. */
export function look(pid: number): Seen | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state = '', ppid, pgrp, session, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return {
      pid,
      ppid: Number(ppid),
      pgrp: Number(pgrp),
      session: Number(session),
      startTime: rest[15] ?? '',
      command,
    };
  } catch {
    return undefined;
  }
}

export function everybody(): Seen[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (look(Number(name)) ?? []) : []));
}

/** Everybody whose environment holds `marker`, or whose command line does. */
export function marked(marker: string): Seen[] {
  return everybody().filter(
    ({ pid, command }) => command.includes(marker) || environment(pid).includes(marker),
  );
}

/** Whether the process whose pid stands in this file lives. */
export function isRunning(pidFile: string): boolean {
  return look(Number(readFileSync(pidFile, 'utf8'))) !== undefined;
}

function environment(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}
