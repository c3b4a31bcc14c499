/** For steps that may fail at any time because other processes act on the same things. */

/** Undefined when the action throws. */
export function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
