/** Text of strangers for a terminal: nothing in it moves the cursor or changes colours. */

/** Line breaks and tabs stay; without its escape character the rest of a sequence is harmless text. */
export function plainText(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what goes
  return text.replaceAll(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g, '');
}
