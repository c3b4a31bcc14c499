/** Shows an error: what failed, the evidence, and the one thing to do. */
import type { ChalkInstance } from 'chalk';
import type { DynamoError } from '../base/error.ts';

export function errorText(error: DynamoError, style: ChalkInstance): string {
  const lines = [`${style.red.bold('error:')} ${error.message}`, ...error.details];
  if (error.hint !== undefined) lines.push(`${style.cyan('fix:')} ${error.hint}`);
  return `${lines.join('\n')}\n`;
}
