/** `dynamo restart`: stop and start one process of a live run. */
import { processVerb } from './runs/process-verb.ts';

export const configure = processVerb('restart');
