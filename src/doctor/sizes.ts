/** Sizes of memory and disks as people say them. */

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
