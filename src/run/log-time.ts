/** Reads the time from a line of a log, in the forms that Dynamo, SGLang, etcd and NATS write. */

const stamp = /(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?/;
/** A time further into a line belongs to what the line tells, not to the line. */
const searched = 64;

/** Milliseconds since 1970; a time without a zone is this machine's. `undefined` for a line without one. */
export function lineTime(line: string): number | undefined {
  const found = stamp.exec(line.slice(0, searched));
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '0', zone = ''] = found;
  const time = Date.parse(
    `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.slice(0, 3).padEnd(3, '0')}${zone}`,
  );
  return Number.isNaN(time) ? undefined : time;
}

/**
 * Tells which lines are from `since` on. A line without a time belongs to the one before, as a traceback does; before
 * the first time nothing is known, and nothing is shown.
 */
export function since(from: number | undefined): (line: string) => boolean {
  if (from === undefined) return () => true;
  let reached = false;
  return (line) => {
    reached ||= (lineTime(line) ?? -Infinity) >= from;
    return reached;
  };
}
