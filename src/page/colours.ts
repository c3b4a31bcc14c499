/** The colour of a process, the same in logs and charts: by its place in the plan. Pure. */

/** style/theme.css has as many. */
export const hues = 8;

export function colourOf(process: string, all: readonly string[]): number {
  return Math.max(0, all.indexOf(process)) % hues;
}
