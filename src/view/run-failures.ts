/** Why runs failed, or are not looked after, under the table that shows them. */
import type { ChalkInstance } from 'chalk';
import type { RunView } from './run-table.ts';

/** Two lines a failed run, the cause and what to do; ends with a newline unless it is empty. */
export function runFailures(views: readonly RunView[], style: ChalkInstance): string {
  return views
    .flatMap(({ name, failure }) => {
      if (failure === undefined) return [];
      const { diagnosis, message, hint } = failure;
      const fix = diagnosis?.fix ?? hint;
      return [
        `${style.bold(name)} ${style.red('failed:')} ${diagnosis?.cause ?? message}\n`,
        ...(fix === undefined ? [] : [`  ${style.cyan('fix:')} ${fix}\n`]),
      ];
    })
    .join('');
}

/** One line a run that nobody looks after; ends with a newline unless it is empty. */
export function runTroubles(views: readonly RunView[], style: ChalkInstance): string {
  return views
    .map(({ name, trouble }) => (trouble === undefined ? '' : `${style.bold(name)} ${style.red(trouble)}\n`))
    .join('');
}
