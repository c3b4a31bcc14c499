/** Log lines on stderr in upstream's plain format (never coloured), or one JSON object per line. */
import { variables } from './variables.ts';

type Level = 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';
type Fields = Readonly<Record<string, string | number | boolean>>;

const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'OFF'];
// `DYN_LOG` may contain per-target filters (`info,dynamo_llm=debug`): only the general level counts here.
const general = variables['DYN_LOG']?.split(',').find((part) => !part.includes('='));
const asked = levels.indexOf(general?.trim().toUpperCase() ?? '');
const threshold = asked === -1 ? levels.indexOf('INFO') : asked;
const asJson = /^(1|true)$/i.test(variables['DYN_LOGGING_JSONL'] ?? '');

// A closed stderr must not end the process: the launcher may have exited.
process.stderr.on('error', () => {});

export function log(level: Level, target: string, message: string, fields: Fields = {}): void {
  if (levels.indexOf(level) < threshold) return;
  // Six decimals, as tracing prints it.
  const time = new Date().toISOString().replace('Z', '000Z');
  const shown = Object.entries(fields).map(([key, value]) => ` ${key}=${shownValue(value)}`);
  const line = asJson
    ? JSON.stringify({ time, level, target, message, ...fields })
    : `${time} ${level.padStart(5)} ${target}: ${message}${shown.join('')}`;
  process.stderr.write(`${line}\n`);
}

/** For what upstream prints outside its logger: tracebacks and start-up errors. */
export function exitWith(code: number, text: string): never {
  process.stderr.write(`${text}\n`);
  process.exit(code);
}

function shownValue(value: string | number | boolean): string {
  return typeof value === 'string' && /[\s"]/.test(value) ? JSON.stringify(value) : String(value);
}
