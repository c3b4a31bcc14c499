/** Words of commands that people paste. */

/** Quotes a word for POSIX shells where it needs it. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** A path as an argument, where one that begins with a dash would be taken for an option. */
export function quotePath(path: string): string {
  return quote(path.startsWith('-') ? `./${path}` : path);
}
