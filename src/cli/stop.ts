/** `dynamo stop`: stop one process of a live run. */
import { processVerb } from './runs/process-verb.ts';

export const configure = processVerb('stop');
