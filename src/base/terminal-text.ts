/** Makes untrusted text safe for a terminal, and quotes words of commands that people paste. */

/** All except line ends and tabs. */
// eslint-disable-next-line no-control-regex
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;
const controls = new RegExp(control, 'g');

/**
 * Escape sequences, in this order: with parameters (colours, cursor), strings that end on the same line (titles, links, the
 * clipboard), and short ones. Source: ECMA-48, 5.3 to 5.6.
 */
const sequences =
  // eslint-disable-next-line no-control-regex
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u0080-\u009f\n]*(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]*[0-~]/g;

/** The ASCII control characters, the most frequent first. */
const controlBytes = [0x0d, 0x1b, 0x7f, ...Array.from({ length: 32 }, (_, code) => code)].filter(
  (code, i, all) => code !== 0x09 && code !== 0x0a && all.indexOf(code) === i,
);

export function hasControls(text: string): boolean {
  return control.test(text);
}

/** ASCII only. Thirty searches for a byte take a third of the time of one regular expression. */
export function hasControlBytes(bytes: Buffer): boolean {
  for (const code of controlBytes) if (bytes.includes(code)) return true;
  return false;
}

/** Removes escape sequences and shows all other control characters as `\x07`; line ends and tabs stay. */
export function withoutControls(text: string): string {
  if (!hasControls(text)) return text;
  return text
    .replaceAll(sequences, '')
    .replaceAll(controls, (found) => `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/**
 * For text in pieces, where a sequence may be cut in two: removes all control characters. Without its escape character, the
 * rest of a sequence is harmless text. Line ends and tabs stay.
 */
export function plainText(text: string): string {
  return text.replaceAll(controls, '');
}

/** Quotes a word for POSIX shells if needed. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** Quotes a path; one that begins with a dash would otherwise be read as an option. */
export function quotePath(path: string): string {
  return quote(path.startsWith('-') ? `./${path}` : path);
}
