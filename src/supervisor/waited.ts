/** How long a process waited for others before it could be started at all. */

export interface Waited {
  /** What came last, as `prefill to be ready`. */
  readonly for: string;
  readonly ms: number;
}

/** `waited 50 s for prefill to be ready`; `undefined` where that was less than half a second, and no news. */
export function waitedText(waited: Waited | undefined): string | undefined {
  const seconds = waited === undefined ? 0 : Math.round(waited.ms / 1000);
  return waited === undefined || seconds === 0 ? undefined : `waited ${seconds} s for ${waited.for}`;
}
