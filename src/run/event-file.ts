/** Keeps the events of a run on disk, so that its story can be told after it has ended. */
import { basename } from 'node:path';
import { appendOwn, readOwnFile } from '../host/own-file.ts';
import { linesOf, tellDamage } from '../host/stored.ts';
import type { RunEvent } from '../supervisor/events.ts';
import type { RunFiles } from './folders.ts';
import { eventShape } from './shapes.ts';

export function appendEvent(files: RunFiles, event: RunEvent): void {
  appendOwn(files.events, `${JSON.stringify(event)}\n`);
}

/** A torn last line is left out; other lines that fit no event are, too, and told. */
export function readEvents({ events: file, folder }: RunFiles): readonly RunEvent[] {
  const { values, damage } = linesOf<RunEvent>(readOwnFile(file), eventShape);
  if (damage !== undefined) {
    const fix = `rm -r ${file}   # of run ${basename(folder)}; without it, ps and events know less`;
    tellDamage({ file, why: damage, fix });
  }
  return values;
}
