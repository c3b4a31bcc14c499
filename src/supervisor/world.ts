/** What a supervision is given from outside: everything in it that is not a decision. */
import type { Clock } from '../base/clock.ts';
import type { Launcher, Prober } from './child.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { Failure } from './event.ts';
import type { LoadWatcher } from './load.ts';

export interface World {
  readonly launcher: Launcher;
  readonly prober: Prober;
  readonly clock: Clock;
  /** From [0, 1), for jitter. */
  readonly random: () => number;
  readonly loads: LoadWatcher;
  /** The cause of a failure, where logs and host say it. Asked once, at the failure; never rejects. */
  readonly diagnose: (failure: Failure) => Promise<Diagnosis | undefined>;
}
