/** Amounts as people write them: bytes and counts. */

/** Of disks and downloads, in powers of ten: `840 B`, `336 MB`, `9.7 GB`. */
export function diskText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)));
  const amount = bytes / 1000 ** power;
  return `${amount >= 100 || power === 0 ? Math.round(amount) : amount.toFixed(1)} ${units[power]}`;
}

/** Of memory, in powers of two and with at most three digits: `512 B`, `64 MiB`, `1.5 GiB`. */
export function memoryText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let amount = bytes;
  let unit = 0;
  for (; amount >= 999.5 && unit < units.length - 1; unit++) amount /= 1024;
  const digits = amount < 9.95 && unit > 0 ? 1 : 0;
  return `${amount.toFixed(digits)} ${units[unit]}`;
}

/** Of GPU memory, which drivers count in MiB and people in GiB: `70.1 GiB`. `undefined` where the driver does not say. */
export function gibText(mib: number | undefined): string {
  return mib === undefined ? 'an unknown amount' : `${(mib / 1024).toFixed(1)} GiB`;
}

/** `1 key`, `3 keys`, `2 processes`. */
export function countText(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : thing.endsWith('s') ? 'es' : 's'}`;
}
