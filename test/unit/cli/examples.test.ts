/** Every example of every help text is accepted by the parser of its command. */
import { describe, expect, it } from 'vitest';
import { rootHelp } from '../../../src/cli/program.ts';
import { visibleVerbs } from '../../../src/cli/verbs.ts';
import { commandsIn } from '../../support/examples.ts';
import { parserOf, takes } from '../../support/parse-command.ts';

// Loads the modules of all commands, which is slow on a busy machine.
describe.each(visibleVerbs)('dynamo $name', { timeout: 60_000 }, (verb) => {
  it('has valid examples', async () => {
    const { help } = await parserOf(verb);
    const examples = commandsIn(help);
    expect(examples.length).toBeGreaterThan(0);
    for (const { line, words } of examples) await takes(line, words);
  });
});

it('the examples of dynamo --help are valid', async () => {
  const examples = commandsIn(rootHelp());
  expect(examples.length).toBeGreaterThan(3);
  for (const { line, words } of examples) await takes(line, words);
});

it('detects an example with an unknown flag', async () => {
  await expect(takes('dynamo ps --wacth', ['ps', '--wacth'])).rejects.toThrow('ps --wacth');
});
