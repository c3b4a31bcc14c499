/** What a person needs to know about a process to decide what to do with it. */
import type { Identity } from './identity.ts';

export interface ProcessFacts extends Identity {
  readonly uid: number;
  /** Name of the user, or `uid 1234` for one that this host has no name for. */
  readonly user: string;
  readonly ageMs: number;
  /** Command line for people, cut. */
  readonly command: string;
  /** First twelve characters of the container's id, where its control group names one. */
  readonly container?: string | undefined;
}
