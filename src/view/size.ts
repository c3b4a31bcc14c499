/** Sizes of files and disks as people say them. */

/** `840 B`, `336 MB`, `9.7 GB`: powers of ten, as disks are sold. */
export function sizeText(bytes: number): string {
  const [unit, divisor] = (
    [
      ['GB', 1e9],
      ['MB', 1e6],
      ['kB', 1e3],
    ] as const
  ).find(([, least]) => bytes >= least) ?? ['B', 1];
  const value = bytes / divisor;
  return `${unit === 'GB' ? value.toFixed(1) : Math.round(value)} ${unit}`;
}
