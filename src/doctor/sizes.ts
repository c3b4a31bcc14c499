/** Sizes and counts as people say them. */

/** `71 GiB`, `0.5 GiB`, `64 MiB`. */
export function sizeText(bytes: number): string {
  const gib = bytes / 2 ** 30;
  if (gib >= 10) return `${Math.round(gib)} GiB`;
  if (gib >= 0.5) return `${Math.round(gib * 10) / 10} GiB`;
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

export function mibText(mib: number): string {
  return sizeText(mib * 2 ** 20);
}

/** `1 key`, `3 keys`, `2 processes`. */
export function countText(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : thing.endsWith('s') ? 'es' : 's'}`;
}
