/** Reads the time from a line of a log, in the forms that Dynamo, SGLang, etcd and NATS write. */

const stamp = /(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?/;
/** A time further into a line belongs to what the line tells, not to the line. */
const searched = 64;

/**
 * Milliseconds since 1970; `undefined` for a line without a time. `zone`: what TZ was for the process that wrote it, for a
 * time that names no zone; `undefined` is the zone of this host.
 */
export function lineTime(line: string, zone?: string): number | undefined {
  const found = stamp.exec(line.slice(0, searched));
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '0', named = ''] = found;
  if (named === '') readIn(zone);
  const time = Date.parse(
    `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.slice(0, 3).padEnd(3, '0')}${named}`,
  );
  return Number.isNaN(time) ? undefined : time;
}

/** JavaScript reads times without a zone in that of its own process, which follows its environment. */
function readIn(zone: string | undefined): void {
  if (process.env.TZ === zone) return;
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
}

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
