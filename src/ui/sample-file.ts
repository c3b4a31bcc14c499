/** The samples of a run on disk: one a line, appended while a page server runs, and readable after the run has ended. */
import { renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linesOf } from '../host/stored.ts';
import { appendOwn, readOwnFile } from '../host/own-file.ts';
import { map, number, object, optional, text } from '../base/shape.ts';
import type { Sample } from '../page/messages.ts';
import type { RunFiles } from '../run/folders.ts';

/** With five processes, a day at one sample every five seconds. */
const longestBytes = 16 * 1024 * 1024;

const sampleShape = object({ at: number, values: map(number), workers: optional(map(text)) });

export function sampleFile({ folder }: RunFiles): string {
  return join(folder, 'samples.jsonl');
}

/** Lines that are no sample are skipped; none if there is no file. */
export function readSamples(file: string): readonly Sample[] {
  return linesOf<Sample>(readOwnFile(file), () => sampleShape).values;
}

/**
 * A file that has become too long keeps every second sample: a long run has a coarser past, but all of it. Throws what the
 * system says, as when the run folder was removed.
 */
export function appendSample(file: string, sample: Sample): void {
  appendOwn(file, `${JSON.stringify(sample)}\n`);
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) <= longestBytes) return;
  const kept = readSamples(file).filter((_, index) => index % 2 === 0);
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, kept.map((each) => `${JSON.stringify(each)}\n`).join(''), { mode: 0o600 });
  renameSync(draft, file);
}

export function workersIn(samples: readonly Sample[]): Readonly<Record<string, string>> {
  return Object.assign({}, ...samples.map(({ workers }) => workers ?? {})) as Record<string, string>;
}
