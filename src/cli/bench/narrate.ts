/** Progress of a benchmark on stderr: a line for each step; in a terminal also one that shows how far the current one is. */
import { DynamoError } from '../../base/error.ts';
import { messageOf } from '../../base/error-code.ts';
import { withoutControls } from '../../base/terminal-text.ts';
import { durationText } from '../../base/duration.ts';
import { pointWords } from '../../bench/workload.ts';
import type { RunEvent } from '../../supervisor/events.ts';
import { doingText } from '../../supervisor/progress.ts';
import type { Style } from '../../view/style.ts';
import { indexAt } from '../../view/wrap.ts';
import type { Arm } from './arms.ts';
import type { Narrator } from './session.ts';
import { pointLine } from './table.ts';

const redrawEveryMs = 100;

export interface LiveNarrator extends Narrator {
  onEvent(arm: Arm, event: RunEvent): void;
  say(line: string): void;
  end(): void;
}

export function narrator(
  stream: NodeJS.WriteStream,
  style: Style,
  rounds: number,
  quiet: boolean,
): LiveNarrator {
  const live = stream.isTTY && !quiet && style.level > 0;
  let current = '';
  let since = performance.now();
  const draw = (): void => {
    if (!live || current === '') return;
    const line = `${current}  ${durationText(performance.now() - since)}`;
    stream.write(`\r${style.dim(line.slice(0, indexAt(line, (stream.columns || 80) - 1)))}\u001B[K`);
  };
  const erase = (): void => void (live && current !== '' && stream.write('\r\u001B[K'));
  const say = (line: string): void => {
    if (quiet) return;
    erase();
    stream.write(`${line}\n`);
    draw();
  };
  const show = (text: string): void => {
    const step = text.split('  ')[0] ?? '';
    if (!current.startsWith(step)) since = performance.now();
    current = text;
  };
  const timer = live ? setInterval(draw, redrawEveryMs) : undefined;
  const place = (round: number): string => (rounds === 1 ? '' : `${round}/${rounds} `);
  return {
    say,
    starting: (arm, round) => {
      show(`${place(round)}${arm.short}: starting`);
      if (!live && arm.kind === 'profile') say(`${place(round)}${arm.short}: starting`);
    },
    started: (arm, round) => {
      if (arm.kind === 'profile')
        say(`${place(round)}${arm.short}: serves after ${durationText(performance.now() - since)}`);
    },
    onEvent: (arm, event) => {
      if (event.type === 'progress')
        show(`${current.split('  ')[0]}  ${event.process} is ${doingText(event.progress)}`);
      else if (event.type === 'note' || event.type === 'unhealthy')
        say(
          `${arm.short}: ${withoutControls(event.type === 'note' ? event.text : `${event.process} is unhealthy: ${event.seen}`)}`,
        );
    },
    loading: (arm, round, point, progress) => {
      const what = `${place(round)}${arm.short} ${pointWords(point)}`;
      if (progress === 'warming up') show(`${what}: warming up`);
      else
        show(
          `${what}  ${progress.done}${progress.total === undefined ? '' : ` of ${progress.total}`} answered${progress.errors === 0 ? '' : `, ${progress.errors} failed`}`,
        );
    },
    measured: (arm, round, point, { figures, withheld }) =>
      say(
        `${place(round)}${arm.short} ${pointWords(point)}: ${withheld === undefined ? pointLine(figures) : `withheld, as ${withheld}`}`,
      ),
    problem: (arm, error) => {
      say(`${style.red(`${arm.short}:`)} ${withoutControls(messageOf(error))}`);
      if (!(error instanceof DynamoError)) return;
      for (const line of error.details) say(withoutControls(line));
      if (error.hint !== undefined) say(`${style.cyan('fix:')} ${withoutControls(error.hint)}`);
    },
    stopping: (arm) => {
      if (arm.kind === 'profile') show(`${arm.short}: stopping`);
    },
    end: () => {
      clearInterval(timer);
      erase();
      current = '';
    },
  };
}
