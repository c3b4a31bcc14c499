/** Looks now and then whether anybody still reads our output. */
import { hasReader } from '../process/open-files.ts';
import { tellReaderGone } from './reader.ts';

const lookMs = 1_000;

/** For verbs that may have nothing to print for long; ends with the process. */
export function lookForReader(): void {
  setInterval(() => hasReader(1) || tellReaderGone(), lookMs).unref();
}
