/** What the kernel takes as an argument or a variable of a process. */

/** Of one text with the NUL at its end: 32 pages of 4 KiB. Source: execve(2), MAX_ARG_STRLEN. */
const longestText = 131_072;

/** Why no process can be given this, in words; `undefined` when it can. `before`: what precedes it, as `NAME=`. */
export function textFault(text: string, before = ''): string | undefined {
  if (text.includes('\0') || before.includes('\0'))
    return 'holds a NUL character, which ends a text for the kernel';
  // No letter is more than 3 bytes of UTF-8, or 4 for two UTF-16 units.
  if (3 * (before.length + text.length) < longestText) return undefined;
  const size = byteLength(before) + byteLength(text) + 1;
  return size <= longestText
    ? undefined
    : `is ${size} bytes long with its name and end; Linux takes ${longestText} in one argument or variable`;
}

/** What a text takes among the arguments and variables of a process: its bytes, a NUL and a pointer. */
export function textCost(text: string): number {
  return byteLength(text) + 1 + 8;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
