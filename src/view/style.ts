/** Colours, where the stream and the user allow them; errors and paths as they are shown. */
import { Chalk, type ChalkInstance } from 'chalk';
import { homedir } from 'node:os';
import type { Environment } from '../base/environment.ts';
import { withoutControls } from '../base/terminal-text.ts';
import type { DynamoError } from '../base/error.ts';

interface Stream {
  readonly isTTY?: boolean;
  getColorDepth?(env?: object): number;
}

/** For rooms that may not import chalk. */
export type Style = ChalkInstance;

/** NO_COLOR wins (any value but an empty one), then FORCE_COLOR, then whether it is a terminal, and which. */
export function styleFor(stream: Stream, environment: Environment): ChalkInstance {
  return new Chalk({ level: levelFor(stream, environment) });
}

function levelFor(stream: Stream, environment: Environment): 0 | 1 | 2 | 3 {
  if (environment.NO_COLOR !== undefined && environment.NO_COLOR !== '') return 0;
  const forced = environment.FORCE_COLOR;
  if (forced !== undefined)
    return forced === '0' || forced === 'false' ? 0 : forced === '2' ? 2 : forced === '3' ? 3 : 1;
  if (stream.isTTY !== true || environment.TERM === 'dumb') return 0;
  const depth = stream.getColorDepth?.(environment) ?? 4;
  return depth >= 24 ? 3 : depth >= 8 ? 2 : depth >= 4 ? 1 : 0;
}

/** What failed, the details, and the one command to run. */
export function errorText(error: DynamoError, style: ChalkInstance): string {
  // It may quote names, logs and answers of other programs.
  const [message, hint] = [error.message, error.hint ?? ''].map(withoutControls);
  const lines = [`${style.red.bold('error:')} ${message}`, ...error.details.map(withoutControls)];
  if (error.hint !== undefined) lines.push(`${style.cyan('fix:')} ${hint}`);
  return `${lines.join('\n')}\n`;
}

/** With the home folder as ~. */
export function homePath(path: string, home = homedir()): string {
  return path === home || path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}
