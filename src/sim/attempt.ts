/** For steps that may fail at any time because other processes change the same files. */

/** Undefined if the action throws. */
export function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
