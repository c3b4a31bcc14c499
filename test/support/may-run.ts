/** Which tests may be left out, and where. */

/** In CI none: it runs whatever this host has, and fails where something is missing. */
export function mayRun(hostHasWhatItNeeds: boolean): boolean {
  return hostHasWhatItNeeds || process.env['CI'] !== undefined;
}
