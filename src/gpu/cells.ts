/** Reads one cell of what nvidia-smi prints as CSV, with and without units. */

/** `[N/A]`, `N/A`, `[Not Supported]`, `[Insufficient Permissions]`, `[Unknown Error]`, `[Not Found]`. */
const nothing = /^(\[.*\]|N\/A|)$/;

export function textIn(cell: string | undefined): string | undefined {
  const text = cell?.trim() ?? '';
  return nothing.test(text) ? undefined : text;
}

/** `7950` and `7950 MiB` are 7950; what is no number is `undefined`, never 0. */
export function numberIn(cell: string | undefined): number | undefined {
  const digits = /^(\d+(?:\.\d+)?)(?:\s+\S+)?$/.exec(textIn(cell) ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The reason in brackets for a cell without a value. */
export function reasonIn(cell: string | undefined): string | undefined {
  return /^\[(.+)\]$/.exec(cell?.trim() ?? '')?.[1];
}
