/** The life of one process as a table: which state may follow which. */

export const transitions = {
  pending: ['starting', 'stopped'],
  starting: ['started', 'failed', 'stopping'],
  started: ['ready', 'failed', 'stopping'],
  ready: ['failed', 'stopping'],
  failed: ['backoff', 'stopping', 'stopped'],
  backoff: ['starting', 'stopping', 'stopped'],
  stopping: ['stopped'],
  stopped: ['starting'],
} as const satisfies Record<string, readonly string[]>;

export type ProcessState = keyof typeof transitions;

export function mayFollow(from: ProcessState, to: ProcessState): boolean {
  return (transitions[from] as readonly ProcessState[]).includes(to);
}
