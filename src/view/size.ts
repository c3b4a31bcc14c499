/** Amounts of bytes as people say them: of disks in powers of ten, of memory in powers of two. */

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

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `512 B`, `64 MiB`, `1.5 GiB`: at most three digits. */
export function bytesText(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  for (; amount >= 999.5 && unit < units.length - 1; unit++) amount /= 1024;
  const digits = amount < 9.95 && unit > 0 ? 1 : 0;
  return `${amount.toFixed(digits)} ${units[unit]}`;
}
