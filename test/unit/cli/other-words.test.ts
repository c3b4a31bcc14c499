/** Words of docker compose, kubectl and others lead to the command or option of ours that does it. */
import { expect, it, test } from 'vitest';
import { commandFor, inOurWords, otherWords } from '../../../src/cli/other-words.ts';
import { verbs, visibleVerbs } from '../../../src/cli/verbs.ts';
import { parserOf, takes } from '../../support/parse-command.ts';

const names = visibleVerbs.map(({ name }) => name);

async function said(line: string): Promise<string> {
  const [name = '', ...words] = line.split(' ');
  const verb = verbs.find((each) => each.name === name);
  if (verb === undefined) throw new Error(`no verb ${name}`);
  const { command } = await parserOf(verb, words);
  return [name, ...inOurWords(name, command, words)].join(' ');
}

async function refused(line: string): Promise<string | undefined> {
  return await said(line).then(
    () => undefined,
    (error: unknown) => (error as { hint?: string }).hint,
  );
}

it.each(otherWords)(
  'dynamo %s: a command of ours that can be run as it is',
  { timeout: 60_000 },
  async (word) => {
    const meant = commandFor(word, names)?.replace(/\s+#.*/, '');
    expect(meant).toBeDefined();
    if (meant?.startsWith('-') === true) return;
    const [verb = ''] = meant?.split(' ') ?? [];
    expect(names).toContain(verb);
    // A command may want an operand, which the user had typed as well.
    await takes(`dynamo ${meant}`, meant?.split(' ') ?? []).catch((error: unknown) => {
      if (!/missing required argument/.test(String(error))) throw error;
    });
  },
);

test('a command that there is later is preferred', () => {
  expect(commandFor('top', ['ps'])).toBe('ps --watch');
  expect(commandFor('stats', ['ps', 'top'])).toBe('top');
  expect(commandFor('report', ['doctor', 'report'])).toBe('report');
  expect(commandFor('STATUS', ['ps'])).toBe('ps');
  expect(commandFor('nothing-like-it', ['ps'])).toBeUndefined();
});

it.each([
  ['ps -o json', 'ps --json'],
  ['ps -ojson', 'ps --json'],
  ['ps --format=json --all', 'ps --json --all'],
  ['ps -o name', 'ps --quiet'],
  ['ps -l', 'ps --last 1'],
  ['down -n prod', 'down --namespace prod'],
  ['up agg --wait --wait-timeout 60', 'up agg --detach --timeout 60'],
  ['up -f ./mine.yaml -d', 'up ./mine.yaml -d'],
  ['up --file=mine.yaml', 'up mine.yaml'],
  ['up disagg --scale decode=2', 'up disagg --replicas decode=2'],
  ['up agg --port 9000 --host 0.0.0.0', 'up agg --http-port 9000 --http-host 0.0.0.0'],
  ['up agg -e A=-b', 'up agg --env A=-b'],
  ['up agg --rm -- --port 1 -o json', 'up agg -- --port 1 -o json'],
  ['up agg --env A=-f --name -o', 'up agg --env A=-f --name -o'],
  ['exec agg -it -- sh', 'exec agg -- sh'],
  ['logs -n 3', 'logs -n 3'],
  ['logs --no-log-prefix', 'logs --raw'],
  ['infra up -d', 'infra up'],
  ['down --force', 'down --now'],
  ['ps --no-such', 'ps --no-such'],
])('%s is %s', async (line, ours) => {
  expect(await said(line)).toBe(ours);
  if (line !== ours || line === 'logs -n 3') await takes(ours, ours.split(' '));
});

it.each([
  ['up agg --dry-run', 'dynamo plan agg   # shows what would be started, and why'],
  ['up --dry-run', 'dynamo plan   # shows what would be started, and why'],
  ['down -v mine', 'dynamo down mine   # removes all but what --persist keeps'],
  ['ps -o yaml', 'dynamo ps --json   # the only other format'],
  ['ps -o', 'dynamo ps --json   # the only other format'],
  ['logs --tail 3 -t decode', 'dynamo logs decode   # lines keep the time that their process wrote'],
  ['ps --no-color', 'export NO_COLOR=1'],
])('%s: %s', async (line, hint) => {
  expect(await refused(line)).toBe(hint);
});
