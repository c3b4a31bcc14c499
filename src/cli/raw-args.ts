/** Tells the operands of a command from the arguments after `--`, which belong to the workers. */

/** `words`: commander's operands, where `--` itself is gone; the command line still has it. */
export function splitRawArgs(words: readonly string[]): {
  operands: readonly string[];
  rawArgs: readonly string[];
} {
  const line = process.argv.slice(2);
  const separator = line.indexOf('--');
  const count = separator === -1 ? 0 : line.length - separator - 1;
  return { operands: words.slice(0, words.length - count), rawArgs: words.slice(words.length - count) };
}
