/** What a person needs to know about a process to decide what to do with it. */
import type { Identity } from './identity.ts';

/** A container, as control groups name it. */
export interface ContainerMark {
  /** First twelve characters. */
  readonly id: string;
  /** The command that ends it whole, where its kind is known: a process of it alone may be started again. */
  readonly stop?: string | undefined;
}

export interface ProcessFacts extends Identity {
  readonly uid: number;
  /** Name of the user, or `uid 1234` for one that this host has no name for. */
  readonly user: string;
  readonly ageMs: number;
  /** Command line for people, cut. */
  readonly command: string;
  /** Where its control group names one, and it is not the one that this process is in, too. */
  readonly container?: ContainerMark | undefined;
}
