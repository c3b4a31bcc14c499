/** `dynamo restart`: stop and start one process of a live run. */
import { processVerb } from './process-verb.ts';

export const configure = processVerb('restart');
