/** Every example of every help is a command line that its verb's own parser takes. */
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { rootHelp } from '../../../src/cli/root-help.ts';
import { type Verb, verbs } from '../../../src/cli/verbs.ts';
import { commandsIn } from '../../support/examples.ts';

/** The verb as it is configured, except that it does nothing. */
async function parserOf(verb: Verb): Promise<{ command: Command; help: string }> {
  const command = new Command(verb.name).exitOverride();
  let help = '';
  command.configureOutput({ outputError: () => {}, writeOut: (text) => (help += text), writeErr: () => {} });
  (await verb.load()).configure(command, () => {});
  command.outputHelp();
  for (const each of [command, ...command.commands]) each.exitOverride().action(() => {});
  return { command, help };
}

const visible = verbs.filter(({ hidden }) => hidden !== true);

// Modules of verbs are loaded here, which takes its time on a busy machine.
describe.each(visible)('dynamo $name', { timeout: 60_000 }, (verb) => {
  it('has examples, and they are right', async () => {
    const { help } = await parserOf(verb);
    const examples = commandsIn(help);
    expect(examples.length).toBeGreaterThan(0);
    for (const { line, words } of examples) await takes(line, words);
  });
});

it('the examples of dynamo --help are right', async () => {
  const examples = commandsIn(rootHelp());
  expect(examples.length).toBeGreaterThan(3);
  for (const { line, words } of examples) await takes(line, words);
});

it('an example with a flag that is not there would be noticed', async () => {
  await expect(takes('dynamo ps --wacth', ['ps', '--wacth'])).rejects.toThrow('ps --wacth');
});

async function takes(line: string, [name = '', ...words]: readonly string[]): Promise<void> {
  const verb = verbs.find((each) => each.name === name);
  if (verb === undefined) throw new Error(`${line}: no verb ${name}`);
  const { command } = await parserOf(verb);
  await command.parseAsync(words, { from: 'user' }).catch((cause: unknown) => {
    throw new Error(`${line}: ${String(cause)}`, { cause });
  });
}
