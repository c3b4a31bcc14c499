/** Amounts of memory and disk as people say them. */

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `512 B`, `64 MiB`, `1.5 GiB`: at most three digits. */
export function bytesText(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  for (; amount >= 999.5 && unit < units.length - 1; unit++) amount /= 1024;
  const digits = amount < 9.95 && unit > 0 ? 1 : 0;
  return `${amount.toFixed(digits)} ${units[unit]}`;
}
