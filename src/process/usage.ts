/** What a process and all that it started take of the machine. */
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import type { OwnedProcess } from './owned.ts';
import { tickMs } from './proc.ts';

export interface Usage {
  /** Time on processors of all that live now, in milliseconds. */
  readonly cpuMs: number;
  /** Memory; pages that several share count in parts. */
  readonly memoryBytes: number;
  readonly pids: readonly number[];
  /** Of the oldest, in milliseconds. */
  readonly ageMs: number;
}

/** By name in the plan. */
export function usageByProcess(living: readonly OwnedProcess[]): Map<string, Usage> {
  const all = new Map<string, Usage>();
  const uptimeMs = uptime() * 1000;
  for (const { process, pid, cpuMs, startTime } of living) {
    const before = all.get(process) ?? { cpuMs: 0, memoryBytes: 0, pids: [], ageMs: 0 };
    all.set(process, {
      cpuMs: before.cpuMs + cpuMs,
      memoryBytes: before.memoryBytes + memoryOf(pid),
      pids: [...before.pids, pid],
      ageMs: Math.max(before.ageMs, uptimeMs - Number(startTime) * tickMs),
    });
  }
  return all;
}

/** Proportional set size; the resident one where only that may be read. */
function memoryOf(pid: number): number {
  return kibibytes(`/proc/${pid}/smaps_rollup`, 'Pss') ?? kibibytes(`/proc/${pid}/status`, 'VmRSS') ?? 0;
}

function kibibytes(file: string, field: string): number | undefined {
  try {
    const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(file, 'utf8'));
    return found === null ? undefined : Number(found[1]) * 1024;
  } catch {
    return undefined;
  }
}
