/**
 * Runs the examples of every help text as they are; those that need more than Node and npm are in test/real/examples.
 */
import { expect } from 'vitest';
import { visibleVerbs } from '../../../src/cli/verbs.ts';
import { examplesIn, otherPlace } from '../../support/examples.ts';
import { succeed } from '../harness/cli.ts';
import { installDynamo, play } from '../harness/example.ts';
import { test } from '../harness/world.ts';
import { stages } from './stages.ts';

test('every command has a set-up for its examples', () => {
  const visible = visibleVerbs.map(({ name }) => name);
  expect(Object.keys(stages).toSorted()).toEqual(['', ...visible].toSorted());
});

// Some start a deployment a dozen times.
test.for(Object.entries(stages))('dynamo %s', { timeout: 480_000 }, async ([verb, stage], { world }) => {
  installDynamo(world);
  const { stdout } = await succeed(world, verb === '' ? ['--help'] : [verb, '--help']);
  const examples = examplesIn(stdout);
  expect(examples.length).toBeGreaterThan(0);
  const actOf = await stage(world);
  try {
    for (const line of examples) {
      if (otherPlace(line) === undefined) await play(world, line, await actOf(line));
    }
  } finally {
    await succeed(world, ['down', '--all', '--quiet']);
  }
});
