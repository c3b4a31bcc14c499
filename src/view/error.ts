/** Shows an error: what failed, the evidence, and the one thing to do. */
import type { ChalkInstance } from 'chalk';
import { withoutControls } from '../base/terminal-text.ts';
import type { DynamoError } from '../base/error.ts';

export function errorText(error: DynamoError, style: ChalkInstance): string {
  // Names, logs and answers of others stand in it.
  const [message, hint] = [error.message, error.hint ?? ''].map(withoutControls);
  const lines = [`${style.red.bold('error:')} ${message}`, ...error.details.map(withoutControls)];
  if (error.hint !== undefined) lines.push(`${style.cyan('fix:')} ${hint}`);
  return `${lines.join('\n')}\n`;
}
