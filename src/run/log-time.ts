/** Reads the time from a line of a log, in the forms that Dynamo, SGLang, etcd and NATS write. */
import { readlinkSync } from 'node:fs';
import { errorCode } from '../base/error-code.ts';
import type { Environment } from '../base/environment.ts';

const stamp = /(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?/;
/** A time further into a line belongs to what the line tells, not to the line. */
const searched = 64;

/**
 * Milliseconds since 1970; `undefined` for a line without a time. `zone`: what TZ was for the process that wrote it, for a
 * time that names no zone; `undefined` is that of this process.
 */
export function lineTime(line: string, zone?: string): number | undefined {
  const found = stamp.exec(line.slice(0, searched));
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '0', named = ''] = found;
  const wall = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.slice(0, 3).padEnd(3, '0')}`;
  const time =
    named === '' && zone !== undefined ? timeIn(zone, Date.parse(`${wall}Z`)) : Date.parse(wall + named);
  return Number.isNaN(time) ? undefined : time;
}

/**
 * What TZ is for a process that inherits none, where ours is set; `undefined` where ours is not, as then JavaScript takes
 * the same.
 */
export function hostZone({ TZ }: Environment): string | undefined {
  if (TZ === undefined) return undefined;
  try {
    return /\/zoneinfo\/(.+)$/.exec(readlinkSync('/etc/localtime'))?.[1];
  } catch (error) {
    // As the C library has it where there is no such file.
    return errorCode(error) === 'ENOENT' ? 'UTC' : undefined;
  }
}

/** `wall`: what a clock in the zone shows, as if it were in UTC. A zone that nobody knows is that of this process. */
function timeIn(zone: string, wall: number): number {
  if (Number.isNaN(wall)) return wall;
  const clock = clockIn(zone);
  if (clock === undefined) return wall + new Date(wall).getTimezoneOffset() * 60_000;
  // The zone's distance from UTC is asked for at about the right time, then at the right one.
  return wall - clock.aheadMs(wall - clock.aheadMs(wall));
}

interface ZoneClock {
  /** How much later its clock is than UTC. */
  aheadMs(time: number): number;
}

const clocks = new Map<string, ZoneClock | undefined>();
/** Clocks change at such times only. */
const stepMs = 15 * 60_000;

function clockIn(zone: string): ZoneClock | undefined {
  if (!clocks.has(zone)) clocks.set(zone, makeClock(zone));
  return clocks.get(zone);
}

function makeClock(zone: string): ZoneClock | undefined {
  let format: Intl.DateTimeFormat;
  try {
    // Empty, it is UTC for the C library.
    const timeZone = zone.replace(/^:/, '') || 'UTC';
    format = new Intl.DateTimeFormat('en-CA', { timeZone, ...fields, hourCycle: 'h23' });
  } catch {
    return undefined;
  }
  const known = new Map<number, number>();
  return {
    aheadMs: (time) => {
      const step = Math.floor(time / stepMs);
      const seen = known.get(step);
      if (seen !== undefined) return seen;
      const at = step * stepMs;
      const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
      const part = (name: Intl.DateTimeFormatPartTypes): string => parts.get(name) ?? '';
      const day = `${part('year')}-${part('month')}-${part('day')}`;
      const ahead = Date.parse(`${day}T${part('hour')}:${part('minute')}:${part('second')}Z`) - at;
      known.set(step, ahead);
      return ahead;
    },
  };
}

const fields = {
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
} as const;

export interface Recent {
  keeps(line: string): boolean;
  /** True when lines came and none of them told when it was written. */
  isBlind(): boolean;
}

/**
 * Tells which lines are from `since` on. A line without a time belongs to the one before, as a traceback does; before
 * the first time nothing is known, and nothing is shown. `zone` as above.
 */
export function since(from: number | undefined, zone?: string): Recent {
  if (from === undefined) return { keeps: () => true, isBlind: () => false };
  let reached = false;
  let times = 0;
  let lines = 0;
  return {
    keeps: (line) => {
      lines++;
      if (reached) return true;
      const time = lineTime(line, zone);
      if (time !== undefined) times++;
      reached = (time ?? -Infinity) >= from;
      return reached;
    },
    isBlind: () => lines > 0 && times === 0,
  };
}
