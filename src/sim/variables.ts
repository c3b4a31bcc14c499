/** The environment of this process, read once. */
import type { Environment } from '../base/environment.ts';

export const variables: Environment = { ...process.env };
