/** Renders a log line that is a JSON object as a person would write it: Dynamo's with DYN_LOGGING_JSONL, etcd's always. */

/**
 * `<time> <level> <target>: <message> key=value…`, as Dynamo's plain format; any other line as it is.
 * Source of Dynamo's keys: docs/upstream/metrics-and-logs.md#json-lines.
 */
export function renderJson(line: string): string {
  if (!line.startsWith('{') || !line.endsWith('}')) return line;
  const record = parsed(line);
  if (record === undefined) return line;
  const { time, ts, timestamp, level, message, msg, target, caller, ...rest } = record;
  const said = message ?? msg;
  if (typeof said !== 'string') return line;
  const origin = text(rest['log.target'] ?? target ?? caller);
  const details = Object.entries(rest)
    .filter(([key]) => !hidden.has(key))
    .map(([key, value]) => `${key}=${text(value)}`);
  const head = [text(time ?? ts ?? timestamp), text(level).toUpperCase().padStart(5), origin && `${origin}:`];
  return [...head.filter(Boolean), said, ...details].join(' ');
}

/** Where in the source a line was written: for its authors. */
const hidden = new Set(['file', 'line', 'log.file', 'log.line', 'log.target', 'log.module_path']);

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function text(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
