/** Decides whether a test may be skipped. */

/** Never in CI: a test whose requirements are missing fails there. */
export function mayRun(hostHasWhatItNeeds: boolean): boolean {
  return hostHasWhatItNeeds || process.env['CI'] !== undefined;
}
