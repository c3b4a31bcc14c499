/** Reads the time from a line of a log, in the forms that Dynamo, SGLang, etcd and NATS write. */
import { readlinkSync } from 'node:fs';
import { errorCode } from '../base/error-code.ts';
import type { Environment } from '../base/environment.ts';

const stamp = /(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?/;
/** A time further into a line is part of the message, not its timestamp. */
const searched = 64;

/**
 * Milliseconds since the epoch; `undefined` for a line without a time. `zone`: TZ of the process that wrote it, for times without
 * a zone; `undefined` means the zone of this process.
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
 * The zone of a process that inherits no TZ, if ours is set; `undefined` if ours is not set, because JavaScript then uses the
 * same.
 */
export function hostZone({ TZ }: Environment): string | undefined {
  if (TZ === undefined) return undefined;
  try {
    return /\/zoneinfo\/(.+)$/.exec(readlinkSync('/etc/localtime'))?.[1];
  } catch (error) {
    // The default of the C library without this file.
    return errorCode(error) === 'ENOENT' ? 'UTC' : undefined;
  }
}

/** `wall`: the local time in the zone, as if it were UTC. An unknown zone means that of this process. */
function timeIn(zone: string, wall: number): number {
  if (Number.isNaN(wall)) return wall;
  const clock = clockIn(zone);
  if (clock === undefined) return wall + new Date(wall).getTimezoneOffset() * 60_000;
  // The offset of the zone is computed at approximately the right time, then at the right time.
  return wall - clock.aheadMs(wall - clock.aheadMs(wall));
}

interface ZoneClock {
  /** The offset from UTC. */
  aheadMs(time: number): number;
}

const clocks = new Map<string, ZoneClock | undefined>();
/** Offsets only change at multiples of this. */
const stepMs = 15 * 60_000;

function clockIn(zone: string): ZoneClock | undefined {
  if (!clocks.has(zone)) clocks.set(zone, makeClock(zone));
  return clocks.get(zone);
}

function makeClock(zone: string): ZoneClock | undefined {
  let format: Intl.DateTimeFormat;
  try {
    // The C library reads an empty TZ as UTC.
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
  /** True if there were lines and none had a time. */
  isBlind(): boolean;
}

/**
 * Selects the lines since `from`. A line without a time belongs to the line before it, as in a traceback; lines before the
 * first time are not shown. `zone` as above.
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
