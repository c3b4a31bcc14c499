/** What names a process for ever: its pid alone is reused. */
import { object, pid, text } from './shape.ts';

export interface Identity {
  /** /proc/sys/kernel/random/boot_id */
  readonly bootId: string;
  readonly pid: number;
  /** Clock ticks after boot, field 22 of /proc/PID/stat, as text: it is compared, never counted with. */
  readonly startTime: string;
}

/** Tells whether exactly this process is still there; zombies are dead. */
export type IsAlive = (identity: Identity) => boolean;

export const identityShape = object({ bootId: text, pid, startTime: text });
