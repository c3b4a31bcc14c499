/** Parses command lines with the parsers of their commands, without running anything. */
import { Command } from 'commander';
import { moduleOf, type VerbRow, verbs } from '../../src/cli/verbs.ts';

/** The verb as it is configured, except that it does nothing. */
export async function parserOf(
  verb: VerbRow,
  words: readonly string[] = [],
): Promise<{ command: Command; help: string }> {
  const command = new Command(verb.name).exitOverride();
  let help = '';
  command.configureOutput({ outputError: () => {}, writeOut: (text) => (help += text), writeErr: () => {} });
  (await moduleOf(verb, words)).configure(command, () => {}, {});
  command.outputHelp();
  for (const each of [command, ...command.commands]) each.exitOverride().action(() => {});
  return { command, help };
}

/** Rejects with `line` and the reason if its command does not accept these words. */
export async function takes(line: string, [name = '', ...words]: readonly string[]): Promise<void> {
  if (name.startsWith('-')) return;
  const verb = verbs.find((each) => each.name === name);
  if (verb === undefined) throw new Error(`${line}: no verb ${name}`);
  const { command } = await parserOf(verb, words);
  await command.parseAsync(words, { from: 'user' }).catch((cause: unknown) => {
    if (words.includes('--help')) return;
    throw new Error(`${line}: ${String(cause)}`, { cause });
  });
}
