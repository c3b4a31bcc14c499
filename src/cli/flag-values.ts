/** Values of flags as people write them: decimal numbers, and nothing that merely can be read as one. */
/** Digits alone: no sign, blank, exponent or hexadecimal, which `Number` would take. `undefined` for anything else. */
export function wholeNumber(
  text: string,
  lowest: number,
  highest = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= lowest && value <= highest ? value : undefined;
}

/** What a timer of Node can wait for, in seconds: 24 days. It would not wait at all for more. */
export const longestSeconds = 2_147_483;

/** Seconds, with a fraction if need be. `undefined` for anything else. */
export function decimalSeconds(text: string): number | undefined {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  return value <= longestSeconds ? value : undefined;
}
