/** Keeps the events of a run on disk, so that its story can be told after it has ended. */
import { appendFileSync, readFileSync } from 'node:fs';
import type { RunEvent } from '../supervisor/event.ts';
import type { RunFiles } from './folders.ts';

export function appendEvent(files: RunFiles, event: RunEvent): void {
  appendFileSync(files.events, `${JSON.stringify(event)}\n`, { mode: 0o600 });
}

/** A torn last line is left out. */
export function readEvents(files: RunFiles): RunEvent[] {
  let text: string;
  try {
    text = readFileSync(files.events, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as RunEvent];
    } catch {
      return [];
    }
  });
}
