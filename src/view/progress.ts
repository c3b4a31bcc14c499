/** Follows a run on its way up: one interface for the terminal and for plain lines. */
import type { RunEvent } from '../supervisor/events.ts';

export interface Progress {
  show(event: RunEvent): void;
  /** Nothing is drawn after this; what was drawn stays. */
  end(): Promise<void>;
}

export const silentProgress: Progress = { show: () => {}, end: async () => {} };
