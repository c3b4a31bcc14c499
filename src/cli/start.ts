/** `dynamo start`: start a process of a live run that was stopped. */
import { processVerb } from './runs/process-verb.ts';

export const configure = processVerb('start');
